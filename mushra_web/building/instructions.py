"""What listeners read before a test, in English; a configuration may bring its own."""

from __future__ import annotations

from mushra_web.listening_test import Method

PREPARATION = (
    "Please use headphones and sit in a quiet room. Set the volume once, before the test, and "
    "leave it as it is."
)

INSTRUCTIONS: dict[Method, tuple[str, ...]] = {
    "mushra": (
        "On each page you hear one recording in several versions. Rate the basic audio quality of "
        "every version against the reference: any difference you hear counts.",
        "The scale runs from 0 to 100 in five ranges: bad, poor, fair, good and excellent. One of "
        "the versions is the reference itself, so at least one must get 100.",
        "Switch between the versions as often as you like, at any moment, and listen to short "
        "loops where a difference is hard to hear.",
        PREPARATION,
    ),
    "bs1116": (
        "On each page you hear a reference and two versions, A and B. One of the two is the "
        "reference itself; the other may differ a little.",
        "Decide which one differs and rate it: 5 imperceptible, 4 perceptible but not annoying, 3 "
        "slightly annoying, 2 annoying, 1 very annoying. The other one stays at 5.",
        PREPARATION,
    ),
    "ab": (
        "On each page you hear one recording in two versions, A and B. Say which one sounds better "
        "to you, or that you have no preference.",
        PREPARATION,
    ),
    "abx": (
        "On each page you hear three sounds: A, B and X. X is the same as A or the same as B. Say "
        "which. If you are not sure, guess.",
        PREPARATION,
    ),
    "acr": (
        "On each page you hear one recording. Rate its quality: 5 excellent, 4 good, 3 fair, 2 "
        "poor, 1 bad.",
        PREPARATION,
    ),
    "dcr": (
        "On each page you hear a reference and then the same recording once more. Rate how much "
        "worse the second is: 5 inaudible, 4 audible but not annoying, 3 slightly annoying, 2 "
        "annoying, 1 very annoying.",
        PREPARATION,
    ),
    "ccr": (
        "On each page you hear one recording in two versions, one after the other. Rate the second "
        "against the first, from 3 (much better) over 0 (about the same) to -3 (much worse).",
        PREPARATION,
    ),
}
