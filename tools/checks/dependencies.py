#!/usr/bin/env python3
"""Asserts who may depend on whom, over the direct edges that `bazel query` reports.

All branches of every select() count. The table below is the contract. A target that is testonly may
also use GoogleTest and the test helpers of backends/testing, and above the backends it may run on
any of them; it may never reach up to a higher layer. Those of bench/ and tests/ look at any layer.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

STARTUP = os.environ.get("NUMPACK_BAZEL_STARTUP", "").split()

ABSEIL = "@com_google_absl"
HIGHWAY = "@com_google_highway"
TEST_LIBRARIES = {"@com_google_googletest", "@com_github_google_benchmark"}
TOOLS = {"@bazel_tools", "@rules_cc", "@local_config_cc", "@platforms", "@local_config_platform"}

# First match wins: package (a regular expression), name of its group.
GROUPS = [
    (r"numpack/base", "base"),
    (r"numpack/backends", "interfaces"),
    (r"numpack/backends/testing", "testing"),
    (r"numpack/backends/(\w+)", r"backend \1"),
    (r"numpack/storage", "storage"),
    (r"numpack/core", "core"),
    (r"numpack/cache", "cache"),
    (r"numpack/kernels", "kernels"),
    (r"numpack/batch", "batch"),
    (r"numpack", "numpack"),
    (r"(python|cli|bench|tests|examples)(/.*)?", r"\1"),
    (r"", "top"),
]
NATIVE = {"backend posix_mmap", "backend win32_mmap"}
# What npk converts with: no part of what //numpack gives its users.
CLI_TOOLS = {
    "//numpack/core:array_info",
    "//numpack/core:array_writer",
    "//numpack/core:dtype",
    "//numpack/core:legacy_v1",
    "//numpack/core:legacy_v1_export",
    "//numpack/core:shape",
}
# What each group may use besides itself.
ALLOWED = {
    "base": {ABSEIL},
    "interfaces": {ABSEIL, "base"},
    "backend memory": {ABSEIL, "base", "interfaces"},
    "backend posix_mmap": {ABSEIL, "base", "interfaces"},
    "backend win32_mmap": {ABSEIL, "base", "interfaces"},
    "testing": {ABSEIL, "base", "interfaces"},
    "storage": {ABSEIL, "base", "interfaces"},
    "core": {ABSEIL, "base", "interfaces", "storage"},
    "cache": {ABSEIL, "base"},
    "kernels": {ABSEIL, HIGHWAY, "base", "core headers"},
    # Storage for one thing: the writable mapping of a live extent.
    "batch": {ABSEIL, "base", "core", "cache", "storage"},
    # The interfaces too: a user's own backend goes into the options of Open().
    "numpack": {ABSEIL, "base", "interfaces", "core", "batch", "kernels", *NATIVE},
    # The system's error number inside a status, which becomes OSError's errno; memory for ndarrays;
    # the kernels for dtypes at run time, which operators of ndarrays run, and their threads.
    "python": {
        ABSEIL,
        "numpack",
        "exported",
        "@system_python",
        "//numpack/base:buffer_pool",
        "//numpack/base:errno_payload",
        "//numpack/base:worker_threads",
        "//numpack/core:dtype",
        "//numpack/kernels:elementwise",
        "//numpack/kernels:operation",
        "//numpack/kernels:update_chain",
    },
    "cli": {ABSEIL, "numpack", "exported", "base", *CLI_TOOLS},
    "bench": {ABSEIL, "numpack", "exported", "python"},
    "tests": {ABSEIL, "numpack", "exported", "python", "cli"},
    # The interfaces: one of the examples is a user's own backend.
    "examples": {ABSEIL, "numpack", "exported", "interfaces", "python", "top"},
    "top": {"numpack"},
}
# Targets of core that kernels may use: types and views of arrays, no store.
CORE_HEADERS = {"dtype", "shape", "view", "array"}
# Groups whose testonly targets may look at any layer of the library.
INSPECTORS = {"bench", "tests"}
# Groups whose testonly targets may pick a backend to run on.
ABOVE_BACKENDS = {"testing", "storage", "core", "batch", "numpack", "bench", "tests"}


class Target:
    def __init__(self, label, rule_class, testonly, inputs):
        self.label = label
        self.rule_class = rule_class
        self.testonly = testonly
        self.inputs = inputs
        self.package, self.name = label[2:].split(":")
        self.group = group_of(self.package)


def group_of(package):
    for pattern, name in GROUPS:
        match = re.fullmatch(pattern, package)
        if match:
            return match.expand(name)
    return None


def bazel_query(expression, *options):
    command = ["bazel", *STARTUP, "query", "--noshow_progress", "--noimplicit_deps"]
    return subprocess.run(
        [*command, *options, expression], check=True, stdout=subprocess.PIPE
    ).stdout


def query():
    """{label: Target} of all our rules."""
    # The XML does not show what a package's defaults set.
    labels = bazel_query("attr(testonly, 1, //...)").decode().split()
    testonly_targets = {canonical(label) for label in labels}
    xml = bazel_query("kind(rule, //...)", "--output=xml")
    targets = {}
    # Bazel says XML 1.1, which Python's parser refuses.
    xml = xml.replace(b'version="1.1"', b'version="1.0"', 1)
    for rule in ElementTree.fromstring(xml).iter("rule"):
        label = canonical(rule.get("name"))
        testonly = label in testonly_targets
        targets[label] = Target(
            label,
            rule.get("class"),
            testonly or rule.get("class").endswith("_test"),
            [canonical(i.get("name")) for i in rule.findall("rule-input")],
        )
    return targets


def canonical(label):
    """Bazel 7 writes @@name//..., and @//... for this repository."""
    return re.sub(r"^@*(?=//)", "", re.sub(r"^@@", "@", label))


def allowed(target, other, targets, exported):
    """Whether TARGET may name OTHER, a label."""
    if other.startswith("@"):
        repository = other.split("//")[0]
        if repository in TOOLS or repository in ALLOWED[target.group]:
            return True
        # The skip constraint of //bazel:numpack.bzl.
        if other == "@system_python//:unavailable":
            return True
        return target.testonly and repository in TEST_LIBRARIES
    package, name = other[2:].split(":")
    group = group_of(package)
    if group is None or group == target.group or package == "bazel":
        return True
    permitted = ALLOWED[target.group]
    if target.testonly:
        if group == "testing" or group == "base":
            return True
        if target.group in INSPECTORS and package.startswith("numpack/"):
            return True
        runs_on = group == "interfaces" or group.startswith("backend ")
        if runs_on and target.group in ABOVE_BACKENDS:
            return True
    if group == "core" and "core headers" in permitted and name.split(".")[0] in CORE_HEADERS:
        return True
    if "exported" in permitted and other in exported:
        return True
    return group in permitted or other in permitted


def picks_native(target):
    if target.testonly or target.group in NATIVE:
        return False
    packages = (label[2:].split(":")[0] for label in target.inputs if label.startswith("//"))
    return any(group_of(package) in NATIVE for package in packages)


def findings(targets):
    # What //numpack itself names: the headers a user gets with it.
    facade = targets.get("//numpack:numpack")
    exported = set(facade.inputs) if facade else set()
    for target in targets.values():
        if target.group is None:
            continue
        if target.group not in ALLOWED:
            yield f"{target.label}: '{target.group}' has no row in the table"
            continue
        if target.group == "testing" and not target.testonly:
            yield f"{target.label} is not testonly"
        for other in target.inputs:
            if not allowed(target, other, targets, exported):
                yield f"{target.label} ({target.group}) must not depend on {other}"
    pickers = sorted(t.label for t in targets.values() if picks_native(t))
    if len(pickers) > 1:
        yield f"the native backend is picked in more than one place: {', '.join(pickers)}"


def main():
    targets = query()
    bad = sorted(set(findings(targets)))
    for line in bad:
        print(line)
    edges = sum(len(t.inputs) for t in targets.values())
    print(f"dependencies: {len(targets)} targets, {edges} edges, {len(bad)} forbidden")
    sys.exit(1 if bad or not targets else 0)


if __name__ == "__main__":
    main()
