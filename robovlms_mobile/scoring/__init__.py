"""From predicted actions to figures a person can judge by; used while training and by the tools."""
