"""What the plugin adds to upstream's models: adapters, a masked loss, Kosmos-2 without patches."""
