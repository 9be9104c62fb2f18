"""Mounts, and the two versions of kv."""

from rows import expect, expect_missing, refused, until, works


def mounts(cluster):
    sys = cluster.active.sys

    @works("mounts.enable")
    def _():
        sys.enable_secrets_engine("kv", path="kv1", description="first", options={"version": "1"})
        sys.enable_secrets_engine("kv-v2", path="kv2")

    @works("mounts.list")
    def _():
        found = sys.list_mounted_secrets_engines()["data"]
        expect("type, description", (found["kv1/"]["type"], found["kv1/"]["description"]), ("kv", "first"))
        expect("version", found["kv2/"]["options"]["version"], "2")

    @refused("mounts.enable-again", 400, "path is already in use at kv1/")
    def _():
        sys.enable_secrets_engine("kv", path="kv1")

    @refused("mounts.enable-unknown", 400, "no-such-type")
    def _():
        sys.enable_secrets_engine("no-such-type", path="other")

    @works("mounts.tune")
    def _():
        sys.tune_mount_configuration("kv1", description="tuned", default_lease_ttl="1h", max_lease_ttl="2h")
        found = sys.read_mount_configuration("kv1")["data"]
        expect("default, max TTL", (found["default_lease_ttl"], found["max_lease_ttl"]), (3600, 7200))

    @works("mounts.move")
    def _():
        sys.enable_secrets_engine("kv", path="before")
        sys.move_backend("before", "after")
        # The server answers at once and moves afterwards.
        until("after/", lambda: "after/" in sys.list_mounted_secrets_engines()["data"])
        expect("before/", "before/" in sys.list_mounted_secrets_engines()["data"], False)

    @works("mounts.disable")
    def _():
        sys.disable_secrets_engine("after")
        expect("after/", "after/" in sys.list_mounted_secrets_engines()["data"], False)


def kv1(cluster):
    kv = cluster.active.secrets.kv.v1

    @works("kv1.put")
    def _():
        kv.create_or_update_secret("kept", {"message": "kept"}, mount_point="kv1")
        secret = {"message": "wörld", "number": 9007199254740993}
        kv.create_or_update_secret("folder/gone", secret, mount_point="kv1")

    @works("kv1.get")
    def _():
        secret = kv.read_secret("folder/gone", mount_point="kv1")
        expect("data", secret["data"], {"message": "wörld", "number": 9007199254740993})
        expect("when to read again", secret["lease_duration"], 3600)

    @works("kv1.list")
    def _():
        expect("keys", kv.list_secrets("", mount_point="kv1")["data"]["keys"], ["folder/", "kept"])

    @works("kv1.delete")
    def _():
        kv.delete_secret("folder/gone", mount_point="kv1")
        expect_missing(lambda: kv.read_secret("folder/gone", mount_point="kv1"))


def kv2(cluster):
    kv = cluster.active.secrets.kv.v2

    def read(version=None):
        return kv.read_secret_version("one", version=version, mount_point="kv2", raise_on_deleted_version=True)["data"]

    def put(secret, **further):
        return kv.create_or_update_secret("one", secret, mount_point="kv2", **further)["data"]["version"]

    @works("kv2.put")
    def _():
        expect("version", put({"a": "1", "b": "2"}), 1)

    @works("kv2.get")
    def _():
        expect("data", read()["data"], {"a": "1", "b": "2"})

    @works("kv2.cas")
    def _():
        expect("version", put({"a": "2", "b": "2"}, cas=1), 2)

    @refused("kv2.cas-mismatch", 400, "check-and-set parameter did not match the current version")
    def _():
        put({"a": "3"}, cas=1)

    @works("kv2.get-version")
    def _():
        found = read(1)
        expect("data, version", (found["data"]["a"], found["metadata"]["version"]), ("1", 1))

    @works("kv2.patch")
    def _():
        # hvac's patch reads and writes; a null does not remove there, so the request itself is sent.
        cluster.active.adapter.request(
            "patch",
            "/v1/kv2/data/one",
            json={"data": {"b": None, "c": "3"}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        expect("data", read()["data"], {"a": "2", "c": "3"})

    @works("kv2.rollback")
    def _():
        # hvac has no word for it; it is a read and a write.
        expect("version", put(read(1)["data"], cas=3), 4)

    _kv2_ends(kv, read)
    _kv2_metadata(cluster.active)


def _kv2_ends(kv, read):
    """Versions that go, and may come back. There are four of "one" by now."""

    @works("kv2.delete")
    def _():
        kv.delete_latest_version_of_secret("one", mount_point="kv2")
        kv.delete_secret_versions("one", [1], mount_point="kv2")

    @works("kv2.get-deleted")
    def _():
        expect_missing(read)
        # The same, as an answer: no data, and when it was deleted.
        found = kv.read_secret_version("one", mount_point="kv2", raise_on_deleted_version=False)["data"]
        expect("data, deleted", (found["data"], found["metadata"]["deletion_time"] != ""), (None, True))

    @works("kv2.undelete")
    def _():
        kv.undelete_secret_versions("one", [1, 4], mount_point="kv2")
        read()

    @works("kv2.destroy")
    def _():
        kv.destroy_secret_versions("one", [2], mount_point="kv2")
        versions = kv.read_secret_metadata("one", mount_point="kv2")["data"]["versions"]
        expect("destroyed", (versions["1"]["destroyed"], versions["2"]["destroyed"]), (False, True))

    @works("kv2.get-missing")
    def _():
        expect_missing(lambda: kv.read_secret_version("never", mount_point="kv2", raise_on_deleted_version=True))


def _kv2_metadata(client):
    kv = client.secrets.kv.v2

    @works("kv2.metadata")
    def _():
        kv.update_metadata("one", max_versions=7, custom_metadata={"owner": "me"}, mount_point="kv2")
        found = kv.read_secret_metadata("one", mount_point="kv2")["data"]
        expect("current, max", (found["current_version"], found["max_versions"]), (4, 7))
        expect("custom metadata", found["custom_metadata"], {"owner": "me"})

    @works("kv2.subkeys")
    def _():
        expect("subkeys", client.read("kv2/subkeys/one")["data"]["subkeys"], {"a": None, "b": None})

    @works("kv2.list")
    def _():
        kv.create_or_update_secret("folder/two", {"a": "1"}, mount_point="kv2")
        expect("keys", kv.list_secrets("", mount_point="kv2")["data"]["keys"], ["folder/", "one"])

    @works("kv2.list-missing")
    def _():
        expect_missing(lambda: kv.list_secrets("never", mount_point="kv2"))

    @works("kv2.config")
    def _():
        kv.configure(max_versions=5, mount_point="kv2")
        expect("max_versions", kv.read_configuration(mount_point="kv2")["data"]["max_versions"], 5)

    @works("kv2.delete-metadata")
    def _():
        kv.delete_metadata_and_all_versions("folder/two", mount_point="kv2")
        expect_missing(lambda: kv.list_secrets("folder", mount_point="kv2"))

    @works("kv2.wrong-path")
    def _():
        # Refused with 404, and the words come as a warning beside it.
        answer = client.adapter.request("post", "/v1/kv2/one", json={"a": "1"}, raise_exception=False)
        expect("status", answer.status_code, 404)
        words = "Invalid path for a versioned K/V secrets engine"
        expect("the warning", words in " ".join(answer.json().get("warnings") or []), True)
