"""One behavioural suite for every store; an adapter's own module only builds a small collection on it."""
