"""The embedded engine's classifier as a component of Rasa's graph: `nlu/config.yml` names it.

Runs inside Rasa's own Python 3.10 with Rasa's numpy and scikit-learn, so it may use no more of this project than what
understands text.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.corpus import Example
from nlu.embedded import EmbeddedEngine
from nlu.features import analyser
from nlu.model import Model

COVERAGE = "coverage"
"""The field of the answer that holds the share of the words that occur in the corpus, 0 to 1."""
_FILE = "model.bin"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class PerlinsosClassifier(GraphComponent, IntentClassifier):
    """Features, classifier and calibration of `nlu.training`, trained by Rasa on the examples that Rasa has read."""

    def __init__(self, storage: ModelStorage, resource: Resource, model: Model | None = None) -> None:
        self._storage = storage
        self._resource = resource
        self._engine = EmbeddedEngine(model, analyser()) if model is not None else None

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> PerlinsosClassifier:
        return cls(model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> PerlinsosClassifier:
        with model_storage.read_from(resource) as folder:
            return cls(model_storage, resource, Model.load(folder / _FILE))

    def train(self, training_data: TrainingData) -> Resource:
        """Learns from every message that has an intent, and keeps the model in Rasa's archive."""
        from nlu.training import learn  # needed here only

        model, _ = learn([Example(m.get(TEXT), m.get(INTENT)) for m in training_data.intent_examples])
        with self._storage.write_to(self._resource) as folder:
            model.save(folder / _FILE)
        self._engine = EmbeddedEngine(model, analyser())
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing comes after this component, so its training data need no predictions."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds intent, ranking and coverage to each message; a text without any known word has no intent."""
        for message in messages:
            ranking, coverage = self._engine.rank(message.get(TEXT) or "") if self._engine is not None else ([], 0.0)
            named = [{"name": name, "confidence": score} for name, score in ranking]
            message.set("intent", named[0] if named else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set("intent_ranking", named, add_to_output=True)
            message.set(COVERAGE, coverage, add_to_output=True)
        return messages
