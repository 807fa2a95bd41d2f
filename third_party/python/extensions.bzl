"""MODULE.bazel's way to @system_python. Bazel 4 does not know module_extension(), so this is a file of its own."""

load(":system_python.bzl", "system_python")

def _impl(_ctx):
    system_python(name = "system_python")

system_python_extension = module_extension(implementation = _impl)
