"""Drives two fresh nodes of one cluster with hvac. The rows are those of ../rows.ts."""

import os

import access
import engines
import state
import system
from rows import connect


class Cluster:
    """What the rows share: the two nodes, and what init gave."""

    def __init__(self):
        self.active = connect(os.environ["CLIENT_ACTIVE"])
        self.standby = connect(os.environ["CLIENT_STANDBY"])
        self.folder = os.environ["CLIENT_FOLDER"]
        self.shares = []
        self.root = ""

    def use_root(self):
        self.active.token = self.root
        self.standby.token = self.root

    def as_token(self, token):
        return connect(os.environ["CLIENT_ACTIVE"], token)


cluster = Cluster()
state.before_init(cluster)
state.unseal(cluster)
engines.mounts(cluster)
engines.kv1(cluster)
engines.kv2(cluster)
access.policies(cluster)
access.tokens(cluster)
access.token_ends(cluster)
access.wrapping(cluster)
system.approle(cluster)
system.userpass(cluster)
system.audit(cluster)
system.errors(cluster)
state.afterwards(cluster)
