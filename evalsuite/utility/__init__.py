"""Are synthetic volumes useful? Experiments that train a network with and without them."""
