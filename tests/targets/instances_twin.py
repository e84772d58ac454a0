"""A class of the same name as one in instances.py."""


class Twin(object):
    def grow_twin(self, take):
        take(6)
