"""Reproduction of CodeReasoner at small scale: data, distillation, SFT, GRPO, evaluation, ablations.

Importing the package is cheap: it loads neither torch nor a notebook library. Modules stand in five
layers (ground, execution, task, model, report) and import only from layers below their own.
"""

__version__ = "0.1.0"
