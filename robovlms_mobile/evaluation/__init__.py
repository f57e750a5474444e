"""Is a policy any good: beside recorded actions, and driving in the synthetic room."""
