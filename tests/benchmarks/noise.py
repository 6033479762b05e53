"""What else the machine was doing while something was measured."""

import os
import platform
import resource
from dataclasses import dataclass, field
from pathlib import Path

STAT = Path("/proc/stat")


def counted() -> tuple[float, float, float] | None:
    """CPU seconds so far: all, those that were used, and those that we and our children used."""
    try:
        first = STAT.read_text().partition("\n")[0].split()[1:9]
    except OSError:
        return None
    # user nice system idle iowait irq softirq steal
    ticks = [float(each) / os.sysconf("SC_CLK_TCK") for each in first]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own_s = sum(each.ru_utime + each.ru_stime for each in used)
    return sum(ticks), sum(ticks) - ticks[3] - ticks[4], own_s


@dataclass
class Noise:
    """How busy others keep the machine, from the making of this on."""

    began: tuple[float, float, float] | None = field(default_factory=counted)

    def told(self) -> str:
        """One line: the machine, and the share of it that others took."""
        system = f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        share = self.share()
        if share is None:
            return f"{system}; how busy others kept it is not known"
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        return f"{system}; other programs took {share:.0%} of it meanwhile; load {load}"

    def share(self) -> float | None:
        """Of all CPU time, what went to none of ours; None where the kernel does not tell."""
        now = counted()
        if self.began is None or now is None:
            return None
        total_s, busy_s, own_s = (late - early for late, early in zip(now, self.began, strict=True))
        return min(max((busy_s - own_s) / max(total_s, 1e-9), 0.0), 1.0)
