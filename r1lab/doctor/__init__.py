"""Is my gradient penalty right, and can my discriminator carry one?

`check_penalty` runs your own R1 on discriminators whose penalty is known, and names its faults;
`diagnose` looks at your discriminator, and says what keeps a penalty from working on it;
`cross_sample_leak` measures how much samples interact in it. Reports print as tables.

>>> from r1lab import doctor, penalties
>>> doctor.check_penalty(lambda discriminator, x, gamma: 2 * penalties.r1(discriminator, x, gamma))
check_penalty(<lambda>): 1 fault
<BLANKLINE>
level    finding               seen                          fix
-------  --------------------  ----------------------------  -----------------------------------
fault    factor 1/2 missing    x 2                           multiply by gamma / 2, not gamma;
                                                             or keep it and read your gamma as
                                                             half of the paper's
                                                             (r1lab.gamma.convert_gamma)
"""

from r1lab.doctor.check import check_penalty
from r1lab.doctor.diagnose import diagnose
from r1lab.doctor.leak import cross_sample_leak
from r1lab.doctor.report import Finding, Report
from r1lab.doctor.target import load_target, main

__all__ = [
    "Finding",
    "Report",
    "check_penalty",
    "cross_sample_leak",
    "diagnose",
    "load_target",
    "main",
]
