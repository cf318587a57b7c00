"""What data sets are: one file each."""

from n2s.studies.armeni2022 import Armeni2022
from n2s.studies.bel2026 import Bel2026
from n2s.studies.bids import BIDSStudy
from n2s.studies.brennan2019 import Brennan2019
from n2s.studies.broderick2019 import Broderick2019
from n2s.studies.fmri_arrays import GenericFMRI
from n2s.studies.gwilliams2022 import Gwilliams2022
from n2s.studies.lebel2023 import Lebel2023
from n2s.studies.libribrain import LibriBrain
from n2s.studies.nakai2022 import Nakai2022
from n2s.studies.park2025 import Park2025
from n2s.studies.schoffelen2019 import Schoffelen2019
from n2s.studies.simulated.fmri import SimulatedFMRI
from n2s.studies.simulated.meg import SimulatedMEG
from n2s.studies.smn4lang import SMN4Lang
from n2s.studies.study import Frames, Recording, Stimulus, Study

__all__ = [
    "Armeni2022",
    "BIDSStudy",
    "Bel2026",
    "Brennan2019",
    "Broderick2019",
    "Frames",
    "GenericFMRI",
    "Gwilliams2022",
    "Lebel2023",
    "LibriBrain",
    "Nakai2022",
    "Park2025",
    "Recording",
    "SMN4Lang",
    "Schoffelen2019",
    "SimulatedFMRI",
    "SimulatedMEG",
    "Stimulus",
    "Study",
]
