"""What a function does without one of its permissions: it has to fail where somebody sees it. Each is taken
away in turn, and the function has to do what needs.py says it is for."""

import concurrent.futures
import time

import provocations
from cloud import now_ms, wait_for
from needs import NEEDS, NO_START, SAMPLE, Need
from place import Place
from provocations import Stage
from roles import Roles
from stack import NAME

# A log comes some seconds after what it tells of; then it is tried again.
LOG_SECONDS, AGAIN_SECONDS = 4, 10
# By then nobody complains any more of what was taken away before.
QUIET_SECONDS = 60
# Lines side by side. Without its permissions the API serves none of the others, so that it comes last;
# only the last need of the slow line, which takes a quarter of an hour, does without it. What a function
# was told about its identity the others learn too, so that each has that for itself.
LINES = [["ews-webhook", "graph-webhook", "sync"], ["sweep"], ["token-refresh"]]
SLOW, LAST = ["deliver"], ["api"]
ALONE = "OwnIdentity"


def is_missed(stage: Stage, roles: Roles, key: tuple[str, str, str], need: Need, quiet: float) -> bool:
    """Whether the function complains without the permission, and does not with it."""
    function, sid, action = key
    if not becomes_quiet(stage, function, need, quiet):
        raise AssertionError("it complains with the permission too")
    with roles.without(function, sid, action):
        if need.fresh:
            begin_anew(stage.place, function)
        until = time.monotonic() + need.seconds
        while time.monotonic() < until:
            if complains(stage, function, need, LOG_SECONDS if need.seconds <= 30 else AGAIN_SECONDS):
                return True
    return False


def becomes_quiet(stage: Stage, function: str, need: Need, seconds: float) -> bool:
    until = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < until:
        if not complains(stage, function, need, seconds):
            return True
    return False


def complains(stage: Stage, function: str, need: Need, seconds: float) -> bool:
    """Provokes it, and looks at what the log says of it."""
    place, since, said = stage.place, now_ms(), stage.place.cloud.said()
    getattr(provocations, need.provocation)(stage)

    def look() -> bool:
        if need.complaint == NO_START:
            return place.cloud.says(f"{NAME}-{function}: .*{NO_START}", said)
        return bool(place.logs.lines(function, need.complaint, since))

    try:
        return wait_for("complaint", look, seconds)
    except AssertionError:
        return False


def begin_anew(place: Place, function: str) -> None:
    """An update of a function's configuration ends those that run."""
    functions = place.cloud.client("lambda")
    timeout = functions.get_function_configuration(FunctionName=f"{NAME}-{function}")["Timeout"]
    functions.update_function_configuration(FunctionName=f"{NAME}-{function}", Timeout=timeout)


def try_in_turn(stage: Stage, keys: list[tuple[str, str, str]], quiet: float, tell: bool) -> list[str]:
    """What is wrong with them. With its permission a function has to be quiet for so many seconds."""
    wrong, roles = [], Roles(stage.place.cloud, stage.place.stack)
    for key in keys:
        began, need = time.monotonic(), NEEDS[key]
        name = "{0}: {2} ({1}), for {3}".format(*key, need.provocation)
        try:
            problem = "" if is_missed(stage, roles, key, need, quiet) else "nothing misses it"
        except AssertionError as error:
            problem = str(error)
        if problem:
            wrong.append(f"{name}: {problem}")
        if tell:
            print(f"      {time.monotonic() - began:5.1f} s {name}: {problem or 'missed'}", flush=True)
    return wrong


def a_sample_is_missed(place: Place) -> None:
    """Of a sample of the permissions, each is needed: without it its function fails, and says so."""
    wrong = try_in_turn(Stage(place), SAMPLE, quiet=0.5, tell=False)
    assert not wrong, "\n".join(wrong)


def every_permission_is_missed(place: Place) -> None:
    """The same of all of them; it takes half an hour."""
    stage = Stage(place)
    Roles(place.cloud, place.stack).lift_conditions(ALONE)
    stage.prepare()
    tried = [key for key, need in NEEDS.items() if isinstance(need, Need)]

    def line(functions: list[str]) -> list[str]:
        keys = [key for function in functions for key in tried if key[0] == function and key[1] != ALONE]
        return try_in_turn(stage, keys, quiet=LOG_SECONDS, tell=True)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(line, SLOW)
        wrong = [one for found in pool.map(line, LINES) for one in found]
        wrong += try_in_turn(stage, [key for key in tried if key[1] == ALONE], quiet=LOG_SECONDS, tell=True)
        wrong += line(LAST) + slow.result()
    stage.close()
    assert not wrong, "\n".join(wrong)
