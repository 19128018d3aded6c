"""Where facts about shows come from: collections of setlists, each in the shape its makers chose.

`collection` finds out what a file is; `gdshowsdb`, `setlistfm` and `pearljam` read one shape each;
`findings` has what they all yield. They are lenient about form (line ends, order of columns,
spaces) and strict about meaning: what is damaged or contradicts itself is refused, with its line
and the reason, and never guessed at.
"""
