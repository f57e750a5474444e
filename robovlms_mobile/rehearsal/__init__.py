"""Will a run fit, and how much does it compute? Counted on tensors that have shapes and no memory, or measured."""
