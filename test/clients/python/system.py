"""Auth methods, audit devices, and errors."""

import os

from rows import expect, note, refused, works


def approle(cluster):
    api = cluster.active.auth.approle
    ids = {}

    def login(secret_id):
        auth = cluster.as_token(None).auth.approle.login(ids.get("role"), secret_id)["auth"]
        note(auth["client_token"])
        return auth

    @works("auth.enable")
    def _():
        cluster.active.sys.enable_auth_method("approle")
        found = cluster.active.sys.list_auth_methods()["data"]
        expect("types", (found["approle/"]["type"], found["token/"]["type"]), ("approle", "token"))

    @works("approle.role")
    def _():
        api.create_or_update_approle("app", token_policies=["reader"], token_ttl="20m", secret_id_num_uses=3)
        ids["role"] = api.read_role_id("app")["data"]["role_id"]
        expect("a role id", ids["role"] != "", True)

    @works("approle.secret-id")
    def _():
        data = api.generate_secret_id("app", metadata={"host": "one"})["data"]
        ids["secret"] = data["secret_id"]
        note(data["secret_id"])
        expect("an accessor", data["secret_id_accessor"] != "", True)

    @works("approle.login")
    def _():
        auth = login(ids["secret"])
        cluster.as_token(auth["client_token"]).read("kv2/data/one")
        expect("duration, policies", (auth["lease_duration"], auth["policies"]), (1200, ["default", "reader"]))

    @refused("approle.wrong-secret-id", 400, "invalid role or secret ID")
    def _():
        login("00000000-0000-0000-0000-000000000000")

    @refused("approle.destroyed-secret-id", 400, "invalid role or secret ID")
    def _():
        api.destroy_secret_id("app", ids["secret"])
        login(ids["secret"])

    @works("approle.list")
    def _():
        expect("keys", api.list_roles()["data"]["keys"], ["app"])


def userpass(cluster):
    api = cluster.active.auth.userpass

    def login(password):
        auth = cluster.as_token(None).auth.userpass.login("ann", password)["auth"]
        note(auth["client_token"])
        return auth

    @works("userpass.user")
    def _():
        cluster.active.sys.enable_auth_method("userpass")
        note("first-Password-7", "second-Password-8")
        api.create_or_update_user("ann", password="first-Password-7", token_policies=["reader"])

    @works("userpass.login")
    def _():
        auth = login("first-Password-7")
        cluster.as_token(auth["client_token"]).read("kv2/data/one")
        expect("username", auth["metadata"]["username"], "ann")

    @refused("userpass.wrong-password", 400, "invalid username or password")
    def _():
        login("no")

    @works("userpass.new-password")
    def _():
        api.update_password_on_user("ann", "second-Password-8")
        login("second-Password-8")

    @works("auth.disable")
    def _():
        cluster.active.sys.disable_auth_method("userpass")
        expect("userpass/", "userpass/" in cluster.active.sys.list_auth_methods()["data"], False)


def audit(cluster):
    sys = cluster.active.sys

    def enable(path, file):
        sys.enable_audit_device("file", options={"file_path": os.path.join(cluster.folder, file)}, path=path)

    @works("audit.enable")
    def _():
        enable("rows", "audit.log")

    @works("audit.list")
    def _():
        expect("type", sys.list_enabled_audit_devices()["data"]["rows/"]["type"], "file")

    @works("audit.hash")
    def _():
        found = sys.calculate_hash("rows", "anything")["data"]["hash"]
        expect("prefix", found.startswith("hmac-sha256:"), True)

    @works("audit.disable")
    def _():
        enable("short-lived", "other.log")
        sys.disable_audit_device("short-lived")


def errors(cluster):
    @works("error.nil-secret")
    def _():
        expect("secret", cluster.active.read("kv1/never"), None)

    @refused("error.unknown-token", 403, "permission denied")
    def _():
        cluster.as_token("hvs.stranger").read("kv1/kept")

    @refused("error.no-token", 403, "permission denied")
    def _():
        cluster.as_token(None).read("kv1/kept")

    @refused("error.no-route", 404, "no handler for route")
    def _():
        cluster.active.write("nowhere/at/all", a="1")

    @refused("error.unsupported", 405, "")
    def _():
        cluster.active.delete("sys/seal-status")
