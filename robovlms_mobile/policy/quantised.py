"""A base model's Linear weights in int8, by torchao: a quarter of fp32's memory."""

from torch import nn

from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.lora import is_lora

INT8 = "int8"


def quantise(backbone: nn.Module) -> None:
    """Turn the weights of the base model's Linear layers to int8, in place, with one scale for each row.

    Sums are computed in the precision of what comes in. Adapters, norms and embeddings stay as they are.

    Raises:
        ModelError: torchao is not installed, or does not go with this torch.
    """
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except (ImportError, OSError, AttributeError) as error:  # how one made for another torch fails
        fix = "pip install 'robovlms-mobile[int8]', or another torchao where it is installed."
        raise ModelError(f"int8 needs torchao, which cannot be imported ({error}).", fix) from error
    embedding = backbone.get_output_embeddings()

    def is_base(module, name):
        return isinstance(module, nn.Linear) and module is not embedding and not is_lora(name)

    quantize_(backbone, Int8WeightOnlyConfig(), filter_fn=is_base)


def weight_bytes(model: nn.Module) -> int:
    """Return the bytes of a model's parameters; of one in int8, of its numbers and their scales."""
    return sum(_bytes(each) for each in model.parameters())


def _bytes(tensor):
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.nbytes
    return sum(_bytes(getattr(tensor, name)) for name in tensor.__tensor_flatten__()[0])
