"""The wide grammar: natural-looking programs over the whole constraint space, chosen by `data_grammar: wide`."""
