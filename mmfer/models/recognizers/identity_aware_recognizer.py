# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Recognise the expression and forget the person (MI-FER)."""
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Tuple, Union

import torch
from mmaction.models.recognizers import Recognizer2D
from mmengine.model import merge_dict
from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmfer.registry import MODELS
from ..heads.identity_mi_head import gather

Inputs = Union[torch.Tensor, Dict[str, torch.Tensor]]


@MODELS.register_module()
class IdentityAwareRecognizer(Recognizer2D):
    """Recogniser whose feature is kept independent of the identity.

    After Liu, Jin, Han and You, "Mutual Information Regularized
    Identity-aware Facial Expression Recognition in Compressed Video", Pattern
    Recognition 2021. Their abstract fixes the roles: expression from residual
    frames, identity from the I frame through a pre-trained face network, a
    collaborative min-min game that minimises the mutual information of the
    two codes, a complementary constraint where an apex is annotated, and a
    test that reads residuals only. The equations are our reading of it:

    1. ``identity_head.steps`` times, the estimator learns on detached
       features: :math:`\\min_\\theta L_q(f_E, f_I)`.
    2. Once, the model learns:
       :math:`\\min_{E,c,G} CE(c(f_E), y) + \\lambda I_\\theta(f_E, f_I)
       + \\lambda_r |G(f_E, f_I) - apex|`.

    Without ``identity_head`` this is mmaction2's ``Recognizer2D``. In test it
    always is: the input is the plain tensor of residuals.

    Training samples carry ``identity`` (see :class:`mmfer.LoadIdentity`) or,
    with ``identity_encoder``, a stream ``keyframe``; a decoder needs a stream
    ``apex`` and ``apex_valid`` (see :class:`mmfer.ReadApex`).

    Args:
        backbone (dict): As in ``Recognizer2D``.
        cls_head (dict): A head with ``embed`` and ``classify``:
            :class:`mmfer.FERHead`, with ``feature_norm=True``.
        identity_head (dict, optional): :class:`mmfer.IdentityMIHead`.
            Defaults to None, cross-entropy alone.
        apex_decoder (dict, optional): :class:`mmfer.ApexDecoder`.
            Defaults to None.
        identity_encoder (dict, optional): A frozen face network that encodes
            the stream ``keyframe`` of each batch, instead of embeddings from
            a file. It stays outside of the module tree: no checkpoint, no
            average of weights and no optimiser sees it. It is built when the
            training begins: a test needs no weights of it. Defaults to None.
        **kwargs: Arguments of ``Recognizer2D``.

    Raises:
        ValueError: A decoder without identity head, or an identity head
            behind a data preprocessor that blends clips.
    """

    def __init__(self,
                 backbone: dict,
                 cls_head: dict,
                 identity_head: Optional[dict] = None,
                 apex_decoder: Optional[dict] = None,
                 identity_encoder: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(backbone, cls_head, **kwargs)
        self.identity_head = \
            None if identity_head is None else MODELS.build(identity_head)
        self.apex_decoder = \
            None if apex_decoder is None else MODELS.build(apex_decoder)
        self._encoder_config = identity_encoder
        # A list hides the network from the module tree.
        self._identity_encoder = []
        if self.identity_head is not None and \
                getattr(self.data_preprocessor, 'blending', None) is not None:
            raise ValueError(
                '`blending` mixes persons, and an identity cannot be mixed: '
                'leave it out of the data preprocessor, or leave out the '
                '`identity_head`')
        if self.apex_decoder is not None and self.identity_head is None:
            raise ValueError(
                '`apex_decoder` rebuilds the apex from expression and '
                'identity: it needs an `identity_head`')

    def init_weights(self) -> None:
        """Draw the weights, as a runner does before it trains.

        The face network is built now: what is missing is told before the
        first step.

        Raises:
            FileNotFoundError: There is no such file of its weights.
        """
        super().init_weights()
        if self._encoder_config is not None:
            self._face_network()

    def _face_network(self):
        """Give the identity encoder, built when it is first asked for."""
        if not self._identity_encoder:
            from ..identity import build_identity_encoder
            # What it draws before it loads its weights is nobody else's.
            with torch.random.fork_rng(devices=[]):
                self._identity_encoder.append(
                    build_identity_encoder(self._encoder_config))
        return self._identity_encoder[0]

    @property
    def estimator(self) -> Optional[torch.nn.Module]:
        """The trainable part of the penalty, or None."""
        if self.identity_head is not None and self.identity_head.learns:
            return self.identity_head.penalty
        return None

    @contextmanager
    def without_estimator(self) -> Iterator[None]:
        """Take the estimator out of the module tree for a while."""
        estimator = self.identity_head.penalty
        self.identity_head.penalty = torch.nn.Identity()
        try:
            yield
        finally:
            self.identity_head.penalty = estimator

    def estimator_names(self) -> List[str]:
        """Names of the estimator's parameters and buffers in this model."""
        if self.estimator is None:
            return []
        prefix = 'identity_head.penalty.'
        return [prefix + name for name in self.estimator.state_dict()]

    def extract_feat(self, inputs: Inputs, *args, **kwargs) -> tuple:
        """Extract features of the residuals, whatever came beside them.

        Args:
            inputs (torch.Tensor | dict): (N, M, C, H, W), or a dict with
                this tensor as 'imgs'.
            *args: As in ``Recognizer2D``.
            **kwargs: As in ``Recognizer2D``.

        Returns:
            tuple: As ``Recognizer2D``.
        """
        if isinstance(inputs, dict):
            inputs = inputs['imgs']
        return super().extract_feat(inputs, *args, **kwargs)

    def forward(self, inputs: Inputs, data_samples=None, mode='tensor',
                **kwargs):
        """Run one of mmengine's modes.

        Args:
            inputs (torch.Tensor | dict): The batch.
            data_samples (list[ActionDataSample], optional): Defaults to None.
            mode (str): 'tensor', 'loss', 'predict', or 'game': the losses
                without the penalty, both codes and the labels. Defaults to
                'tensor'.
            **kwargs: As in ``Recognizer2D``.

        Returns:
            What the mode says.
        """
        if mode == 'game':
            return self._losses_and_codes(inputs, data_samples)
        return super().forward(inputs, data_samples, mode, **kwargs)

    def loss(self, inputs: Inputs, data_samples: List,
             **kwargs) -> Dict[str, torch.Tensor]:
        """Give all losses of a batch, with the estimator as it is.

        Args:
            inputs (torch.Tensor | dict): The batch.
            data_samples (list[ActionDataSample]): Labels and identities.
            **kwargs: As in ``Recognizer2D``.

        Returns:
            dict: Losses by name.
        """
        if self.identity_head is None:
            return super().loss(inputs, data_samples, **kwargs)
        losses, expression, identity, labels = self._losses_and_codes(
            inputs, data_samples)
        losses.update(
            self.identity_head.loss(expression, identity, labels))
        return losses

    def _losses_and_codes(
            self, inputs: Inputs, data_samples: List
    ) -> Tuple[Dict[str, torch.Tensor], torch.Tensor, torch.Tensor,
               torch.Tensor]:
        """Losses but the penalty; codes (N, D_E), (N, D_I); labels."""
        maps, found = self.extract_feat(inputs, data_samples=data_samples)
        expression = self.cls_head.embed(maps)
        if len(expression) != len(data_samples):
            raise ValueError(
                f'{len(expression)} clips for {len(data_samples)} samples: '
                'with an identity head a training sample has one clip')
        losses = self.cls_head.loss_by_feat(
            self.cls_head.classify(expression), data_samples)
        # A neck may have losses of its own.
        losses = merge_dict(losses, found.get('loss_aux', {}))
        identity = self._identities(inputs, data_samples).to(expression.device)
        labels = torch.cat([sample.gt_label for sample in data_samples])
        labels = labels.to(expression.device)
        if self.apex_decoder is not None:
            apex, valid = self._apex(inputs, data_samples)
            losses.update(
                self.apex_decoder.loss(expression, identity, apex, valid))
        return losses, expression, identity, labels

    def _identities(self, inputs: Inputs, data_samples: List) -> torch.Tensor:
        if self._encoder_config is None:
            return self.identity_head.identities(data_samples)
        if not isinstance(inputs, dict) or 'keyframe' not in inputs:
            raise ValueError(
                'an `identity_encoder` reads the stream `keyframe`, which the '
                'training pipeline does not give: add mmfer.ReadKeyframe')
        return self._face_network().encode_batch(inputs['keyframe'])

    @staticmethod
    def _apex(inputs: Inputs,
              data_samples: List) -> Tuple[torch.Tensor, torch.Tensor]:
        if not isinstance(inputs, dict) or 'apex' not in inputs \
                or 'apex_valid' not in data_samples[0]:
            raise ValueError(
                'an `apex_decoder` needs the stream `apex` and `apex_valid`, '
                'which the training pipeline does not give: add mmfer.ReadApex'
                " and pack collect_keys=('imgs', 'apex'), "
                "algorithm_keys=('identity', 'apex_valid')")
        valid = torch.cat([sample.apex_valid for sample in data_samples])
        return inputs['apex'], valid

    def train_step(self,
                   data: dict,
                   optim_wrapper: Union[OptimWrapper, OptimWrapperDict],
                   run: Optional[Callable] = None) -> Dict[str, torch.Tensor]:
        """Do K steps of the estimator, then one of the model.

        Args:
            data (dict): A batch as the data loader gives it.
            optim_wrapper (OptimWrapper | OptimWrapperDict): One optimiser, or
                two named 'model' and 'estimator' if the penalty learns; see
                :class:`mmfer.MinMinOptimWrapperConstructor`.
            run (Callable, optional): What runs the model, a distributed
                wrapper around it. Defaults to None, the model itself.

        Returns:
            dict: What is logged.
        """
        if self.estimator is None:
            return super().train_step(data, optim_wrapper)
        if not isinstance(optim_wrapper, OptimWrapperDict):
            raise ValueError(
                f'{type(self.estimator).__name__} trains an estimator of its '
                'own: set constructor="mmfer.MinMinOptimWrapperConstructor" '
                'in `optim_wrapper`')
        run = self if run is None else run
        model_wrapper = optim_wrapper['model']
        with model_wrapper.optim_context(run):
            data = self.data_preprocessor(data, training=True)
            losses, *codes = run(**data, mode='game')
        log = self._estimator_steps(
            [gather(code.detach()) for code in codes],
            optim_wrapper['estimator'])
        # The game's second move leaves the estimator as it is.
        self.estimator.requires_grad_(False)
        losses.update(self.identity_head.loss(*codes))
        total, log_vars = self.parse_losses(losses)
        model_wrapper.update_params(total)
        self.estimator.requires_grad_(True)
        log_vars.update(log)
        return log_vars

    def _estimator_steps(self, codes: List[torch.Tensor],
                         wrapper: OptimWrapper) -> Dict[str, torch.Tensor]:
        """Train the estimator; every process does the same steps."""
        for _ in range(self.identity_head.steps):
            value = self.identity_head.learning_loss(*codes)
            wrapper.update_params(value)
        return dict(estimator_objective=value.detach())
