"""An annealer to rehearse on, with the manners of a real chip."""
