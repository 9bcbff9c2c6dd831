"""How often, and at which crops, the networks are asked: repeated passes, or two stages."""
