"""What each part of the default model brings: of its recipe by short trainings, of what it does with a face without."""

from tcdcn_init.eval.ablation.inference import INFERENCES, measure_inferences
from tcdcn_init.eval.ablation.training import VARIANTS, run_ablation

__all__ = ["INFERENCES", "VARIANTS", "measure_inferences", "run_ablation"]
