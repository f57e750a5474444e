"""Adapter folders that come from elsewhere: read with distrust, loaded whole or not at all."""
