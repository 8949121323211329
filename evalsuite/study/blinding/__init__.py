"""Cases that nothing tells apart but what they show, and the test of that."""
