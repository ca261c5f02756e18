"""Meeting rooms: whether each is busy or free, from its calendar."""
