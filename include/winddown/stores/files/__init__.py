"""Folders of a machine or of a mounted share as a store, read through the same format modules as objects."""
