"""Fuzz targets: one rule for each, two things that come of it."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//bazel:numpack.bzl", "NUMPACK_COPTS")

def numpack_fuzz_target(name, deps, srcs = None, corpus = None):
    """A function LLVMFuzzerTestOneInput, to be run in two ways.

    <name>_test runs it over every file of its corpus, with any compiler: what once went wrong stays right.
    <name> is the libFuzzer program, which makes up inputs. It needs Clang: bazel build --config=fuzz.

    Args:
      name: of the target.
      deps: what the function calls.
      srcs: the file with the function; <name>.cc.
      corpus: inputs to begin with, and those that once went wrong; the files in corpus/<name>.
    """
    corpus = corpus or native.glob(["corpus/" + name + "/*"], allow_empty = False)
    cc_library(
        name = name + "_function",
        testonly = True,
        srcs = srcs or [name + ".cc"],
        copts = NUMPACK_COPTS,
        deps = deps,
        alwayslink = True,  # nothing but its name refers to the function
    )
    cc_test(
        name = name + "_test",
        size = "small",
        args = ["$(locations %s)" % label for label in corpus],
        data = corpus,
        deps = [
            ":corpus_main",
            ":" + name + "_function",
        ],
    )
    cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        linkstatic = True,
        tags = ["manual"],
        deps = [":" + name + "_function"],
    )
