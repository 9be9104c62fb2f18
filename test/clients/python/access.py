"""Policies, capabilities, tokens, wrapping and cubbyholes."""

from hvac import exceptions

from rows import Wrong, expect, note, refused, works

READER = """
path "kv2/data/one" {
  capabilities = ["read"]
}
path "sys/wrapping/*" {
  capabilities = ["update"]
}
"""


def create(cluster, **request):
    """The auth block of a new token."""
    auth = cluster.active.auth.token.create(**request)["auth"]
    note(auth["client_token"])
    return auth


def token(cluster, **request):
    return create(cluster, **request)["client_token"]


def policies(cluster):
    sys = cluster.active.sys

    @works("policy.put")
    def _():
        sys.create_or_update_policy("reader", READER)

    @works("policy.get")
    def _():
        expect("rules", sys.read_policy("reader")["data"]["rules"], READER)

    @works("policy.list")
    def _():
        expect("reader is listed", "reader" in sys.list_policies()["data"]["policies"], True)

    @refused("policy.malformed", 400, "failed to parse policy")
    def _():
        sys.create_or_update_policy("bad", 'path "x" {')

    @works("policy.delete")
    def _():
        sys.create_or_update_policy("short-lived", READER)
        sys.delete_policy("short-lived")
        expect("short-lived is listed", "short-lived" in sys.list_policies()["data"]["policies"], False)

    @works("capabilities.self")
    def _():
        client = cluster.as_token(token(cluster, policies=["reader"]))
        expect("capabilities", client.sys.get_capabilities(["kv2/data/one"])["data"]["kv2/data/one"], ["read"])

    @works("capabilities.token")
    def _():
        found = sys.get_capabilities(["kv2/data/two"], token=token(cluster, policies=["reader"]))
        expect("capabilities", found["data"]["kv2/data/two"], ["deny"])

    @works("capabilities.accessor")
    def _():
        accessor = create(cluster, policies=["reader"])["accessor"]
        found = sys.get_capabilities(["kv2/data/one"], accessor=accessor)
        expect("capabilities", found["data"]["kv2/data/one"], ["read"])


def tokens(cluster):
    api = cluster.active.auth.token

    @works("token.create")
    def _():
        auth = create(cluster, policies=["reader"], ttl="1h", display_name="row", meta={"k": "v"})
        expect("policies", auth["policies"], ["default", "reader"])
        expect("duration, renewable", (auth["lease_duration"], auth["renewable"]), (3600, True))
        expect("metadata", auth["metadata"], {"k": "v"})

    @works("token.lookup")
    def _():
        data = api.lookup(token(cluster, policies=["reader"], ttl="1h", display_name="row"))["data"]
        expect("name, type, orphan", (data["display_name"], data["type"], data["orphan"]), ("token-row", "service", False))

    @works("token.lookup-self")
    def _():
        client = cluster.as_token(token(cluster, ttl="30m"))
        expect("creation TTL", client.auth.token.lookup_self()["data"]["creation_ttl"], 1800)

    @works("token.lookup-accessor")
    def _():
        accessor = create(cluster, ttl="1h")["accessor"]
        data = api.lookup_accessor(accessor)["data"]
        expect("id, accessor", (data["id"], data["accessor"]), ("", accessor))

    @works("token.renew")
    def _():
        expect("duration", api.renew(token(cluster, ttl="1h"), increment="2h")["auth"]["lease_duration"], 7200)

    @works("token.renew-self")
    def _():
        client = cluster.as_token(token(cluster, ttl="1h"))
        expect("duration", client.auth.token.renew_self(increment="10m")["auth"]["lease_duration"], 600)

    @works("token.list-accessors")
    def _():
        accessor = create(cluster, ttl="1h")["accessor"]
        expect("it is listed", accessor in api.list_accessors()["data"]["keys"], True)

    @works("token.orphan")
    def _():
        auth = api.create_orphan(ttl="1h")["auth"]
        note(auth["client_token"])
        expect("orphan", auth["orphan"], True)

    @works("token.periodic")
    def _():
        expect("period", api.lookup(token(cluster, period="2h"))["data"]["period"], 7200)

    @works("token.role")
    def _():
        api.create_or_update_role("ours", allowed_policies="reader", orphan=True)
        auth = create(cluster, role_name="ours", policies=["reader"])
        expect("orphan", auth["orphan"], True)

    @refused("token.role-forbids", 400, "token policies")
    def _():
        create(cluster, role_name="ours", policies=["other"])

    @works("token.batch")
    def _():
        batch = token(cluster, type="batch", policies=["reader"], ttl="1h")
        expect("read with it", cluster.as_token(batch).read("kv2/data/one") is not None, True)

    @refused("token.batch-renew", 400, "batch tokens cannot be renewed")
    def _():
        api.renew(token(cluster, type="batch", policies=["reader"], ttl="1h"))

    @refused("token.no-right", 403, "permission denied")
    def _():
        cluster.as_token(token(cluster, policies=["reader"])).read("kv2/data/two")


def expect_ended(cluster, ended):
    try:
        cluster.as_token(ended).auth.token.lookup_self()
    except exceptions.Forbidden:
        return
    raise Wrong("the token still works")


def parent_and_child(cluster):
    parent = token(cluster, policies=["root"])
    child = cluster.as_token(parent).auth.token.create(ttl="1h")["auth"]["client_token"]
    note(child)
    return parent, child


def token_ends(cluster):
    api = cluster.active.auth.token

    @works("token.revoke")
    def _():
        parent, child = parent_and_child(cluster)
        api.revoke(parent)
        expect_ended(cluster, child)

    @refused("token.revoked", 403, "permission denied")
    def _():
        revoked = token(cluster, ttl="1h")
        api.revoke(revoked)
        cluster.as_token(revoked).read("kv2/data/one")

    @works("token.revoke-self")
    def _():
        own = token(cluster, ttl="1h")
        cluster.as_token(own).auth.token.revoke_self()
        expect_ended(cluster, own)

    @works("token.revoke-accessor")
    def _():
        auth = create(cluster, ttl="1h")
        api.revoke_accessor(auth["accessor"])
        expect_ended(cluster, auth["client_token"])

    @works("token.revoke-orphan")
    def _():
        parent, child = parent_and_child(cluster)
        api.revoke_and_orphan_children(parent)
        cluster.as_token(child).auth.token.lookup_self()

    @refused("token.uses", 403, "permission denied")
    def _():
        client = cluster.as_token(token(cluster, policies=["reader"], num_uses=1))
        client.read("kv2/data/one")
        client.read("kv2/data/one")


def wrapping(cluster):
    client = cluster.as_token(token(cluster, policies=["reader"]))
    wrapped = {}

    @works("wrapping.wrap")
    def _():
        info = client.adapter.get("/v1/kv2/data/one", wrap_ttl="2m")["wrap_info"]
        wrapped["token"] = info["token"]
        note(info["token"])
        expect("TTL, path", (info["ttl"], info["creation_path"]), (120, "kv2/data/one"))

    @works("wrapping.lookup")
    def _():
        data = client.write("sys/wrapping/lookup", **wrapped)["data"]
        expect("path, TTL", (data["creation_path"], data["creation_ttl"]), ("kv2/data/one", 120))

    @works("wrapping.rewrap")
    def _():
        info = client.write("sys/wrapping/rewrap", **wrapped)["wrap_info"]
        wrapped["token"] = info["token"]
        note(info["token"])

    @works("wrapping.unwrap")
    def _():
        expect("data", client.sys.unwrap(wrapped["token"])["data"]["data"], {"a": "1", "b": "2"})

    @refused("wrapping.unwrap-again", 400, "wrapping token is not valid or does not exist")
    def _():
        client.sys.unwrap(wrapped["token"])

    @works("wrapping.by-token")
    def _():
        parcel = cluster.active.sys.wrap({"message": "parcel"}, ttl=60)["wrap_info"]["token"]
        note(parcel)
        # Without an argument the client's own token is the wrapping token.
        expect("message", cluster.as_token(parcel).sys.unwrap()["data"]["message"], "parcel")

    @works("cubbyhole")
    def _():
        owner, other = (cluster.as_token(token(cluster)) for _ in range(2))
        owner.write("cubbyhole/mine", a="1")
        expect("mine", owner.read("cubbyhole/mine")["data"]["a"], "1")
        expect("others'", other.read("cubbyhole/mine"), None)
