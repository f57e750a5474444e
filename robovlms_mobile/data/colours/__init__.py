"""RGB or BGR? What frames say of it where their files do not, and what a run does with the answer."""
