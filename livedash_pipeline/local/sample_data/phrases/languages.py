"""The languages of the sample data by their ISO 639-1 codes.

Add a language's module here. No phrases here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from livedash_pipeline.local.sample_data.phrases.dutch import DUTCH
from livedash_pipeline.local.sample_data.phrases.english import ENGLISH
from livedash_pipeline.local.sample_data.phrases.french import FRENCH
from livedash_pipeline.local.sample_data.phrases.german import GERMAN
from livedash_pipeline.local.sample_data.phrases.model import Phrases
from livedash_pipeline.local.sample_data.phrases.turkish import TURKISH

LANGUAGES: Mapping[str, Phrases] = MappingProxyType(
    {phrases.code: phrases for phrases in (ENGLISH, DUTCH, GERMAN, FRENCH, TURKISH)}
)
