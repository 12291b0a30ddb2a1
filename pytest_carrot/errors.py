"""The mistakes that a user of the plugin can set right."""


class UserMistake(Exception):
    """`str()` is one sentence that says what is wrong and what to do."""


def nearest(word: str, known: tuple[str, ...]) -> str:
    """The end of such a sentence: the known name that was meant, or all of them."""
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"there is {', '.join(known)}."
