"""How additive tables and tables of stages are laid out."""

from collections.abc import Sequence


def additive_table(parts: Sequence[tuple[str, float]], residual: float, score: float, rows: int) -> str:
    """Lay out parts that add up to a score.

    Args:
        parts: Label and value, most important first.
        residual: What the parts leave unexplained.
        score: The sum.
        rows: How many parts to list; the others are summed in one line.
    """
    shown, rest = parts[:rows], parts[rows:]
    lines = list(shown)
    if rest:
        lines.append((f"{len(rest)} smaller parts", sum(value for _, value in rest)))
    rounding = "rounding (residual)"
    width = max([len(rounding), *(len(label) for label, _ in lines)])
    body = [f"{label:<{width}}  {value:+.6f}" for label, value in lines]
    left = f"{residual:+.1e}" if residual else "0"
    body.append(f"{rounding:<{width}}  {left}")
    total = f"{'score':<{width}}  {score:+.6f}"
    return "\n".join([*body, "-" * len(total), total])


def stage_table(stages: Sequence[tuple[str, int, int]]) -> str:
    """Lay out the ranks of an item before and after each stage."""
    width = max([5, *(len(stage) for stage, _, _ in stages)])
    lines = [f"{stage:<{width}}  {before:>6}  {after:>6}" for stage, before, after in stages]
    return "\n".join([f"{'stage':<{width}}  {'before':>6}  {'after':>6}", *lines])
