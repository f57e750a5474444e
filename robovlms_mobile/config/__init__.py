"""The JSON config: load it as upstream does, say everything that is wrong with it at once. Nothing heavy."""
