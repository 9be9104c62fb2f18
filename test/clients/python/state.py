"""Before init, unsealing, the second node, and what disturbs the other rows: rotation and sealing."""

import base64

from rows import expect, note, refused, until, works


def health_of(client):
    answer = client.sys.read_health_status(method="GET")
    # hvac gives a Response for every status but 200.
    return (answer.status_code, answer.json()) if hasattr(answer, "status_code") else (200, answer)


def before_init(cluster):
    sys = cluster.active.sys

    @works("health.uninitialised")
    def _():
        code, health = health_of(cluster.active)
        expect("status, initialised, sealed", (code, health["initialized"], health["sealed"]), (501, False, True))

    @works("seal-status.uninitialised")
    def _():
        status = sys.read_seal_status()
        expect("type, initialised, sealed", (status["type"], status["initialized"], status["sealed"]), ("shamir", False, True))

    @works("init.status")
    def _():
        expect("initialised", sys.is_initialized(), False)

    @refused("init.bad-threshold", 400, "threshold cannot be larger than shares")
    def _():
        sys.initialize(secret_shares=2, secret_threshold=3)

    @works("init.init")
    def _():
        answer = sys.initialize(secret_shares=3, secret_threshold=2)
        cluster.shares, cluster.root = answer["keys_base64"], answer["root_token"]
        note(cluster.root, *answer["keys"], *answer["keys_base64"])
        expect("number of shares", len(cluster.shares), 3)

    @refused("init.again", 400, "Vault is already initialized")
    def _():
        sys.initialize(secret_shares=1, secret_threshold=1)

    @works("health.sealed")
    def _():
        code, health = health_of(cluster.active)
        expect("status, initialised, sealed", (code, health["initialized"], health["sealed"]), (503, True, True))

    @refused("sealed.read", 503, "Vault is sealed")
    def _():
        cluster.as_token(cluster.root).read("secret/data/any")


def unseal(cluster):
    sys = cluster.active.sys

    @works("unseal.progress")
    def _():
        status = sys.submit_unseal_key(cluster.shares[0])
        expect("progress, threshold, shares", (status["progress"], status["t"], status["n"]), (1, 2, 3))
        expect("a nonce", status["nonce"] != "", True)

    @works("unseal.reset")
    def _():
        expect("progress", sys.submit_unseal_key(reset=True)["progress"], 0)

    @refused("unseal.wrong-share", 400, "failed to decrypt keys from storage")
    def _():
        sys.submit_unseal_key(cluster.shares[0])
        wrong = bytearray(base64.b64decode(cluster.shares[1]))
        wrong[3] ^= 0xFF
        sys.submit_unseal_key(base64.b64encode(wrong).decode())

    @works("unseal.unseal")
    def _():
        expect("sealed", sys.submit_unseal_keys([cluster.shares[0], cluster.shares[2]])["sealed"], False)

    @works("health.active")
    def _():
        until("the node to lead", lambda: sys.read_leader_status()["is_self"])
        code, health = health_of(cluster.active)
        expect("status, sealed, standby", (code, health["sealed"], health["standby"]), (200, False, False))
        expect("version, cluster", (health["version"] != "", health["cluster_id"] != ""), (True, True))

    cluster.use_root()
    _second(cluster)


def _second(cluster):
    active, standby = cluster.active, cluster.standby

    @works("unseal.standby")
    def _():
        until("the other node to know of the cluster", standby.sys.is_initialized)
        expect("sealed", standby.sys.submit_unseal_keys(cluster.shares[:2])["sealed"], False)

    @works("health.standby")
    def _():
        until("it to say standby", lambda: health_of(standby)[0] == 429)
        expect("standby, sealed", (health_of(standby)[1]["standby"], health_of(standby)[1]["sealed"]), (True, False))

    def leader_of(client):
        leader = client.sys.read_leader_status()
        return leader["ha_enabled"], leader["is_self"], leader["leader_address"]

    @works("leader.active")
    def _():
        expect("HA, self, address", leader_of(active), (True, True, active.url))

    @works("leader.standby")
    def _():
        expect("HA, self, address", leader_of(standby), (True, False, active.url))

    @works("standby.request")
    def _():
        until("it to pass a request on", lambda: standby.auth.token.lookup_self()["data"]["id"] == cluster.root)

    @works("ha-status")
    def _():
        until("both nodes to be members", lambda: len(active.read("sys/ha-status")["nodes"]) == 2)


def afterwards(cluster):
    active, standby = cluster.active, cluster.standby

    @works("key-status")
    def _():
        expect("term", active.sys.get_encryption_key_status()["term"], 1)

    @works("rotate")
    def _():
        active.sys.rotate_encryption_key()
        expect("term", active.sys.get_encryption_key_status()["term"], 2)

    @works("step-down")
    def _():
        active.sys.step_down()
        until("the other to lead", lambda: standby.sys.read_leader_status()["is_self"])

    @works("seal.seal")
    def _():
        standby.sys.seal()
        expect("sealed", standby.sys.is_sealed(), True)

    @works("seal.take-over")
    def _():
        until("the first to lead again", lambda: active.sys.read_leader_status()["is_self"])

    @works("seal.unseal")
    def _():
        expect("sealed", standby.sys.submit_unseal_keys(cluster.shares[1:])["sealed"], False)

    @works("seal.data")
    def _():
        until("the data to be there", lambda: standby.read("kv1/kept")["data"]["message"] == "kept")
