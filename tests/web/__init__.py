"""The pages and the API, from the outside, in their words, and in a real browser."""
