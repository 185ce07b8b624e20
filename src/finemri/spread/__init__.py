"""Work on many scans: in this process, on processes of this machine, or on whatever a dask scheduler holds.

A room below the verbs, because two of them go through cohorts and may not import each other. It knows nothing of MRI.
"""

from finemri.spread.crew import ALONE, Crew
from finemri.spread.spreading import failures, spread
from finemri.spread.work import Bench, Outcome, Work, told

__all__ = ["ALONE", "Bench", "Crew", "Outcome", "Work", "failures", "spread", "told"]
