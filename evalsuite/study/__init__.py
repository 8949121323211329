"""Everything of a reader study but the screen: design, order, blinding, storage."""
