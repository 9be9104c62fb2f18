package main

import (
	"errors"
	"path/filepath"
	"strings"

	"latchkey/test/clients/go/api"
)

func (p *program) approle() {
	logical := p.active.Logical()
	var roleID, secretID any
	login := func(secret any) (*api.Secret, error) {
		return p.as("").Logical().Write("auth/approle/login", values{"role_id": roleID, "secret_id": secret})
	}
	works("auth.enable", func() error {
		if err := p.active.Sys().EnableAuthWithOptions("approle", &api.EnableAuthOptions{Type: "approle"}); err != nil {
			return err
		}
		mounts, err := p.active.Sys().ListAuth()
		if err != nil {
			return err
		}
		return expect("types", []string{mounts["approle/"].Type, mounts["token/"].Type}, []string{"approle", "token"})
	})
	works("approle.role", func() error {
		err := given(logical.Write("auth/approle/role/app", values{"token_policies": "reader", "token_ttl": "20m", "secret_id_num_uses": 3}))
		if err != nil {
			return err
		}
		secret, err := logical.Read("auth/approle/role/app/role-id")
		if err != nil {
			return err
		}
		roleID = secret.Data["role_id"]
		return expect("a role id", roleID != "", true)
	})
	works("approle.secret-id", func() error {
		secret, err := logical.Write("auth/approle/role/app/secret-id", values{"metadata": `{"host":"one"}`})
		if err != nil {
			return err
		}
		secretID = secret.Data["secret_id"]
		note(secretID.(string))
		return expect("an accessor", secret.Data["secret_id_accessor"] != "", true)
	})
	works("approle.login", func() error {
		secret, err := login(secretID)
		if err != nil {
			return err
		}
		note(secret.Auth.ClientToken)
		if err := given(p.as(secret.Auth.ClientToken).Logical().Read("kv2/data/one")); err != nil {
			return err
		}
		return expect("duration, policies", []any{secret.Auth.LeaseDuration, secret.Auth.Policies}, []any{1200, []string{"default", "reader"}})
	})
	refused("approle.wrong-secret-id", 400, "invalid role or secret ID", func() error {
		return given(login("00000000-0000-0000-0000-000000000000"))
	})
	refused("approle.destroyed-secret-id", 400, "invalid role or secret ID", func() error {
		if err := given(logical.Write("auth/approle/role/app/secret-id/destroy", values{"secret_id": secretID})); err != nil {
			return err
		}
		return given(login(secretID))
	})
	works("approle.list", func() error {
		secret, err := logical.List("auth/approle/role")
		if err != nil {
			return err
		}
		return expect("keys", secret.Data["keys"], []string{"app"})
	})
}

func (p *program) userpass() {
	logical := p.active.Logical()
	login := func(password string) (*api.Secret, error) {
		return p.as("").Logical().Write("auth/userpass/login/ann", values{"password": password})
	}
	works("userpass.user", func() error {
		if err := p.active.Sys().EnableAuthWithOptions("userpass", &api.EnableAuthOptions{Type: "userpass"}); err != nil {
			return err
		}
		note("first-Password-7", "second-Password-8")
		return given(logical.Write("auth/userpass/users/ann", values{"password": "first-Password-7", "token_policies": "reader"}))
	})
	works("userpass.login", func() error {
		secret, err := login("first-Password-7")
		if err != nil {
			return err
		}
		note(secret.Auth.ClientToken)
		if err := given(p.as(secret.Auth.ClientToken).Logical().Read("kv2/data/one")); err != nil {
			return err
		}
		return expect("username", secret.Auth.Metadata["username"], "ann")
	})
	refused("userpass.wrong-password", 400, "invalid username or password", func() error { return given(login("no")) })
	works("userpass.new-password", func() error {
		if err := given(logical.Write("auth/userpass/users/ann/password", values{"password": "second-Password-8"})); err != nil {
			return err
		}
		secret, err := login("second-Password-8")
		if err != nil {
			return err
		}
		note(secret.Auth.ClientToken)
		return nil
	})
	works("auth.disable", func() error {
		if err := p.active.Sys().DisableAuth("userpass"); err != nil {
			return err
		}
		mounts, err := p.active.Sys().ListAuth()
		if err != nil {
			return err
		}
		return expect("userpass/", mounts["userpass/"] != nil, false)
	})
}

func (p *program) audit() {
	sys := p.active.Sys()
	options := func(name string) *api.EnableAuditOptions {
		return &api.EnableAuditOptions{Type: "file", Options: map[string]string{"file_path": filepath.Join(p.folder, name)}}
	}
	works("audit.enable", func() error { return sys.EnableAuditWithOptions("rows", options("audit.log")) })
	works("audit.list", func() error {
		devices, err := sys.ListAudit()
		if err != nil {
			return err
		}
		return expect("type", devices["rows/"].Type, "file")
	})
	works("audit.hash", func() error {
		hash, err := sys.AuditHash("rows", "anything")
		if err != nil {
			return err
		}
		return expect("prefix", strings.HasPrefix(hash, "hmac-sha256:"), true)
	})
	works("audit.disable", func() error {
		if err := sys.EnableAuditWithOptions("short-lived", options("other.log")); err != nil {
			return err
		}
		return sys.DisableAudit("short-lived")
	})
}

func (p *program) errors() {
	works("error.nil-secret", func() error {
		secret, err := p.active.Logical().Read("kv1/never")
		if err != nil {
			return err
		}
		return expect("secret is nil", secret == nil, true)
	})
	refused("error.unknown-token", 403, "permission denied", func() error {
		return given(p.as("hvs.stranger").Logical().Read("kv1/kept"))
	})
	refused("error.no-token", 403, "permission denied", func() error {
		return given(p.as("").Logical().Read("kv1/kept"))
	})
	refused("error.no-route", 404, "no handler for route", func() error {
		secret, err := p.active.Logical().Write("nowhere/at/all", values{"a": "1"})
		if err == nil && secret == nil {
			return errors.New("nil, no error")
		}
		return err
	})
	refused("error.unsupported", 405, "", func() error { return given(p.active.Logical().Delete("sys/seal-status")) })
}
