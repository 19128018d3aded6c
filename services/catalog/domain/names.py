"""Names as keys: one for all the ways to write the same name."""

import unicodedata

_PLAIN = str.maketrans("\u2018\u2019\u02bc\u201c\u201d\u2010\u2011\u2013\u2014", "'''\"\"----")


def fold(name: str) -> str:
    """A name without capitals, accents and typography, its spaces in order: "Beyoncé  Live" and
    "beyonce live" are one. What is left of a name in another script is that name.
    """
    apart = unicodedata.normalize("NFKD", name).translate(_PLAIN)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(unicodedata.normalize("NFC", bare.casefold()).split())
