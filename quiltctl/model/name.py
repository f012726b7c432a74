"""Names of containers and networks: the rule, and names for containers that were given none."""

from __future__ import annotations

from quiltctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_LENGTH = 255
RULE = f"a letter or digit, then letters, digits, '_', '.' or '-', at most {MAX_LENGTH} of them"

_LETTERS_AND_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_ALLOWED = _LETTERS_AND_DIGITS | frozenset("_.-")

_ADJECTIVES = (
    "able airy amber ample azure balmy blithe bold brave bright brisk calm candid clear clever cosy crisp curious "
    "dapper deft eager early earnest even fair fleet fluent fond frank fresh gentle glad golden grand hardy hearty "
    "honest humble jolly keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble patient plain "
    "plucky polite proud quick quiet ready rosy rural serene sharp silver simple sincere sleek snug sober solid "
    "spry steady subtle sunny supple tidy vivid warm wise"
)
_NOUNS = (
    "acorn anchor apron aspen badger basket beacon birch bobbin bonnet brook button canvas cedar chisel clover cotton "
    "cradle crane damask denim dormouse eyelet falcon felt fern finch flannel garnet gingham hamlet harbor hazel "
    "hedgehog heron holly iris ivory jasmine juniper kettle lantern lark linen loom maple marten meadow mitten muslin "
    "needle nutmeg orchard otter patch pebble petal plover pocket quill raven ribbon robin saddle satin shawl shuttle "
    "sparrow spindle spool sorrel stitch swallow tassel thimble thistle thread velvet walnut willow"
)
ADJECTIVES = tuple(_ADJECTIVES.split())
NOUNS = tuple(_NOUNS.split())


def check_name(text: str, what: str = "container") -> str:
    """Return the name when a container may have it. The database holds the same rule. ``what`` is who else may not.

    Raises:
        UsageError: it may not; the hint has the rule.
    """
    if text and text[0] in _LETTERS_AND_DIGITS and len(text) <= MAX_LENGTH and _ALLOWED.issuperset(text):
        return text
    shown = ascii(text) if len(text) <= MAX_LENGTH else f"{text[:20]!a} and {len(text) - 20} characters more"
    raise UsageError(f"{shown} cannot be the name of a {what}", hint=f"a name is {RULE}")


def random_name(choose: Callable[[Sequence[str]], str]) -> str:
    """Return ``adjective_noun``, each picked by ``choose``, for example ``random.choice``."""
    return f"{choose(ADJECTIVES)}_{choose(NOUNS)}"
