"""Who held what, where it is given back only as the interpreter ends."""
from harness import test
from test_owners_unfaulted import check_facts


def check_held(context, how, *options):
    return check_facts(context, context.target("until_the_end.py", how), *options)


@test(interpreters="all")
def owners_of_what_del_gives_back(context):
    """The first that is seen of the end has a frame."""
    return check_held(context, "del")


# With --objects a process that is not large is looked at, too, as its runtime is about to end.

@test(interpreters="few")
def owners_of_what_atexit_gives_back(context):
    return check_held(context, "atexit", "--objects")


@test(interpreters="few")
def owners_of_what_finalize_gives_back(context):
    return check_held(context, "finalize", "--objects")


@test(interpreters="few")
def owners_beside_a_thread_that_goes_on(context):
    """The main thread waits for it at the runtime's end, which is later."""
    return check_held(context, "thread", "--objects")
