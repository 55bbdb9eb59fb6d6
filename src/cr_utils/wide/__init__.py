"""The wide grammar: natural-looking programs over the whole space, chosen by `data_grammar: wide`."""
