"""How good notes are, beside baselines and beside real ones."""
