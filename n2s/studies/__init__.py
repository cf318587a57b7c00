"""What data sets are: one file each."""

from n2s.studies.own.bids import BIDSStudy
from n2s.studies.own.bids_fmri import BIDSFMRI
from n2s.studies.own.eeg_arrays import EEGArrays
from n2s.studies.own.fmri_arrays import GenericFMRI
from n2s.studies.public.accou2024 import Accou2024
from n2s.studies.public.armeni2022 import Armeni2022
from n2s.studies.public.bel2026 import Bel2026
from n2s.studies.public.brennan2019 import Brennan2019
from n2s.studies.public.broderick2019 import Broderick2019
from n2s.studies.public.gwilliams2022 import Gwilliams2022
from n2s.studies.public.lebel2023 import Lebel2023
from n2s.studies.public.li2022 import Li2022
from n2s.studies.public.libribrain import LibriBrain
from n2s.studies.public.libribrain_holdout import LibriBrainPhoneHoldout, LibriBrainSpeechHoldout
from n2s.studies.public.libribrain_words import LibriBrainWordHoldout
from n2s.studies.public.nakai2022 import Nakai2022
from n2s.studies.public.nastase2021 import Nastase2021
from n2s.studies.public.park2025 import Park2025
from n2s.studies.public.sato2026 import Sato2026
from n2s.studies.public.schoffelen2019 import Schoffelen2019
from n2s.studies.public.schoffelen2019fmri import Schoffelen2019FMRI
from n2s.studies.public.smn4lang import SMN4Lang
from n2s.studies.public.smn4langfmri import SMN4LangFMRI
from n2s.studies.public.verwoert2022 import Verwoert2022
from n2s.studies.public.wang2024 import Wang2024
from n2s.studies.public.zada2025 import Zada2025
from n2s.studies.simulated.areas import SimulatedAreas
from n2s.studies.simulated.cohort import SimulatedCohort
from n2s.studies.simulated.fmri import SimulatedFMRI
from n2s.studies.simulated.meg import SimulatedMEG
from n2s.studies.simulated.pair_fmri import SimulatedPairFMRI
from n2s.studies.simulated.pair_meg import SimulatedPairMEG
from n2s.studies.simulated.production import SimulatedProduction
from n2s.studies.simulated.seeg import SimulatedSEEG
from n2s.studies.simulated.tale_fmri import SimulatedStories
from n2s.studies.simulated.tale_meg import SimulatedStoryMEG
from n2s.studies.simulated.talkers import SimulatedTalkers
from n2s.studies.study import Frames, Recording, Stimulus, Study

__all__ = [
    "BIDSFMRI",
    "Accou2024",
    "Armeni2022",
    "BIDSStudy",
    "Bel2026",
    "Brennan2019",
    "Broderick2019",
    "EEGArrays",
    "Frames",
    "GenericFMRI",
    "Gwilliams2022",
    "Lebel2023",
    "Li2022",
    "LibriBrain",
    "LibriBrainPhoneHoldout",
    "LibriBrainSpeechHoldout",
    "LibriBrainWordHoldout",
    "Nakai2022",
    "Nastase2021",
    "Park2025",
    "Recording",
    "SMN4Lang",
    "SMN4LangFMRI",
    "Sato2026",
    "Schoffelen2019",
    "SimulatedAreas",
    "SimulatedCohort",
    "Schoffelen2019FMRI",
    "SimulatedFMRI",
    "SimulatedMEG",
    "SimulatedPairFMRI",
    "SimulatedPairMEG",
    "SimulatedProduction",
    "SimulatedStories",
    "SimulatedStoryMEG",
    "SimulatedTalkers",
    "SimulatedSEEG",
    "Stimulus",
    "Study",
    "Verwoert2022",
    "Wang2024",
    "Zada2025",
]
