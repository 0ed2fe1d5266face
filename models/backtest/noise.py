"""How far labels can be told at all by those who look at template and schema alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from models.dataset import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseCeiling:
    """`mixed`: template-schemas of both labels, of `mixed_rows` rows. `share` is `contested` of all `heavy` rows."""

    mixed: int
    mixed_rows: int
    heavy: int
    contested: int
    share: float

    def __str__(self) -> str:
        return (
            f"{self.mixed} template-schemas of these rows have both labels: {self.contested} of {self.heavy} heavies "
            f"({self.share:.1%}) cost whoever looks at template and schema alone a miss or a false alarm each"
        )


def noise_ceiling(examples: Sequence[Example]) -> NoiseCeiling:
    """The share of heavy rows that no scorer of template and schema could get right without an equal false alarm.

    Such a scorer decides all rows of one template in one schema alike. Where h of them are heavy and l light, it is
    right about the h at the price of l false alarms, so min(h, l) of them cost one each, and the share is the sum of
    min(h, l) over that of h. There is at least one heavy example.
    """
    heavy = Counter(_group(example) for example in examples if example.heavy)
    light = Counter(_group(example) for example in examples if not example.heavy)
    mixed = heavy.keys() & light.keys()
    contested = sum(min(heavy[group], light[group]) for group in mixed)
    return NoiseCeiling(
        mixed=len(mixed),
        mixed_rows=sum(heavy[group] + light[group] for group in mixed),
        heavy=heavy.total(),
        contested=contested,
        share=contested / heavy.total(),
    )


def _group(example: Example) -> tuple[str, str | None, str | None]:
    return example.template, example.request.catalog, example.request.schema
