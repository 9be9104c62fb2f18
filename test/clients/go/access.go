package main

import (
	"fmt"

	"latchkey/test/clients/go/api"
)

const reader = `
path "kv2/data/one" {
  capabilities = ["read"]
}
path "sys/wrapping/*" {
  capabilities = ["update"]
}
`

func (p *program) policies() {
	sys := p.active.Sys()
	works("policy.put", func() error { return sys.PutPolicy("reader", reader) })
	works("policy.get", func() error {
		rules, err := sys.GetPolicy("reader")
		if err != nil {
			return err
		}
		return expect("rules", rules, reader)
	})
	works("policy.list", func() error {
		names, err := sys.ListPolicies()
		if err != nil {
			return err
		}
		return expectListed(names, "reader")
	})
	refused("policy.malformed", 400, "failed to parse policy", func() error { return sys.PutPolicy("bad", `path "x" {`) })
	works("policy.delete", func() error {
		if err := sys.PutPolicy("short-lived", reader); err != nil {
			return err
		}
		if err := sys.DeletePolicy("short-lived"); err != nil {
			return err
		}
		rules, err := sys.GetPolicy("short-lived")
		if err != nil {
			return err
		}
		return expect("rules", rules, "")
	})
	works("capabilities.self", func() error {
		found, err := p.as(p.create(api.TokenCreateRequest{Policies: []string{"reader"}})).Sys().CapabilitiesSelf("kv2/data/one")
		if err != nil {
			return err
		}
		return expect("capabilities", found, []string{"read"})
	})
	works("capabilities.token", func() error {
		found, err := sys.Capabilities(p.create(api.TokenCreateRequest{Policies: []string{"reader"}}), "kv2/data/two")
		if err != nil {
			return err
		}
		return expect("capabilities", found, []string{"deny"})
	})
	works("capabilities.accessor", func() error {
		accessor := p.secretOf(api.TokenCreateRequest{Policies: []string{"reader"}}).Auth.Accessor
		secret, err := p.active.Logical().Write("sys/capabilities-accessor", values{"accessor": accessor, "paths": []string{"kv2/data/one"}})
		if err != nil {
			return err
		}
		return expect("capabilities", secret.Data["kv2/data/one"], []string{"read"})
	})
}

// secretOf makes a token; a fault ends the row.
func (p *program) secretOf(request api.TokenCreateRequest) *api.Secret {
	secret, err := p.active.Auth().Token().Create(&request)
	if err != nil {
		panic(err)
	}
	note(secret.Auth.ClientToken)
	return secret
}

func (p *program) create(request api.TokenCreateRequest) string {
	return p.secretOf(request).Auth.ClientToken
}

func (p *program) tokens() {
	token := p.active.Auth().Token()
	works("token.create", func() error {
		secret := p.secretOf(api.TokenCreateRequest{Policies: []string{"reader"}, TTL: "1h", DisplayName: "row", Metadata: map[string]string{"k": "v"}})
		auth := secret.Auth
		return expect("policies, duration, renewable, metadata", []any{auth.Policies, auth.LeaseDuration, auth.Renewable, auth.Metadata},
			[]any{[]string{"default", "reader"}, 3600, true, map[string]string{"k": "v"}})
	})
	works("token.lookup", func() error {
		secret, err := token.Lookup(p.create(api.TokenCreateRequest{Policies: []string{"reader"}, TTL: "1h", DisplayName: "row"}))
		if err != nil {
			return err
		}
		return expect("name, type, orphan", []any{secret.Data["display_name"], secret.Data["type"], secret.Data["orphan"]}, []any{"token-row", "service", false})
	})
	works("token.lookup-self", func() error {
		secret, err := p.as(p.create(api.TokenCreateRequest{TTL: "30m"})).Auth().Token().LookupSelf()
		if err != nil {
			return err
		}
		return expect("creation TTL", secret.Data["creation_ttl"], 1800)
	})
	works("token.lookup-accessor", func() error {
		accessor := p.secretOf(api.TokenCreateRequest{TTL: "1h"}).Auth.Accessor
		secret, err := token.LookupAccessor(accessor)
		if err != nil {
			return err
		}
		return expect("id, accessor", []any{secret.Data["id"], secret.Data["accessor"]}, []any{"", accessor})
	})
	works("token.renew", func() error {
		secret, err := token.Renew(p.create(api.TokenCreateRequest{TTL: "1h"}), 7200)
		if err != nil {
			return err
		}
		return expect("duration", secret.Auth.LeaseDuration, 7200)
	})
	works("token.renew-self", func() error {
		secret, err := p.as(p.create(api.TokenCreateRequest{TTL: "1h"})).Auth().Token().RenewSelf(600)
		if err != nil {
			return err
		}
		return expect("duration", secret.Auth.LeaseDuration, 600)
	})
	works("token.list-accessors", func() error {
		accessor := p.secretOf(api.TokenCreateRequest{TTL: "1h"}).Auth.Accessor
		secret, err := p.active.Logical().List("auth/token/accessors")
		if err != nil {
			return err
		}
		return expectListed(secret.Data["keys"], accessor)
	})
	works("token.orphan", func() error {
		secret, err := token.CreateOrphan(&api.TokenCreateRequest{TTL: "1h"})
		if err != nil {
			return err
		}
		note(secret.Auth.ClientToken)
		return expect("orphan", secret.Auth.Orphan, true)
	})
	works("token.periodic", func() error {
		secret, err := token.Lookup(p.create(api.TokenCreateRequest{Period: "2h"}))
		if err != nil {
			return err
		}
		return expect("period", secret.Data["period"], 7200)
	})
	works("token.role", func() error {
		if err := given(p.active.Logical().Write("auth/token/roles/ours", values{"allowed_policies": "reader", "orphan": true})); err != nil {
			return err
		}
		secret, err := token.CreateWithRole(&api.TokenCreateRequest{Policies: []string{"reader"}}, "ours")
		if err != nil {
			return err
		}
		note(secret.Auth.ClientToken)
		return expect("orphan", secret.Auth.Orphan, true)
	})
	refused("token.role-forbids", 400, "token policies", func() error {
		return given(token.CreateWithRole(&api.TokenCreateRequest{Policies: []string{"other"}}, "ours"))
	})
	works("token.batch", func() error {
		batch := p.create(api.TokenCreateRequest{Type: "batch", Policies: []string{"reader"}, TTL: "1h"})
		secret, err := p.as(batch).Logical().Read("kv2/data/one")
		if err != nil {
			return err
		}
		return expect("read with it", secret != nil, true)
	})
	refused("token.batch-renew", 400, "batch tokens cannot be renewed", func() error {
		return given(token.Renew(p.create(api.TokenCreateRequest{Type: "batch", Policies: []string{"reader"}, TTL: "1h"}), 60))
	})
	refused("token.no-right", 403, "permission denied", func() error {
		return given(p.as(p.create(api.TokenCreateRequest{Policies: []string{"reader"}})).Logical().Read("kv2/data/two"))
	})
}

// tokenEnds is about tokens that are no more: each way must leave the token useless.
func (p *program) tokenEnds() {
	token := p.active.Auth().Token()
	ended := func(id string) error {
		_, err := p.as(id).Auth().Token().LookupSelf()
		if err == nil {
			return fmt.Errorf("the token still works")
		}
		return nil
	}
	works("token.revoke", func() error {
		parent := p.create(api.TokenCreateRequest{Policies: []string{"root"}})
		child, err := p.as(parent).Auth().Token().Create(&api.TokenCreateRequest{TTL: "1h"})
		if err != nil {
			return err
		}
		note(child.Auth.ClientToken)
		if err := token.RevokeTree(parent); err != nil {
			return err
		}
		return ended(child.Auth.ClientToken)
	})
	refused("token.revoked", 403, "permission denied", func() error {
		id := p.create(api.TokenCreateRequest{TTL: "1h"})
		if err := token.RevokeTree(id); err != nil {
			return err
		}
		return given(p.as(id).Logical().Read("kv2/data/one"))
	})
	works("token.revoke-self", func() error {
		id := p.create(api.TokenCreateRequest{TTL: "1h"})
		if err := p.as(id).Auth().Token().RevokeSelf(""); err != nil {
			return err
		}
		return ended(id)
	})
	works("token.revoke-accessor", func() error {
		auth := p.secretOf(api.TokenCreateRequest{TTL: "1h"}).Auth
		if err := token.RevokeAccessor(auth.Accessor); err != nil {
			return err
		}
		return ended(auth.ClientToken)
	})
	works("token.revoke-orphan", func() error {
		parent := p.create(api.TokenCreateRequest{Policies: []string{"root"}})
		child, err := p.as(parent).Auth().Token().Create(&api.TokenCreateRequest{TTL: "1h"})
		if err != nil {
			return err
		}
		note(child.Auth.ClientToken)
		if err := token.RevokeOrphan(parent); err != nil {
			return err
		}
		return given(p.as(child.Auth.ClientToken).Auth().Token().LookupSelf())
	})
	refused("token.uses", 403, "permission denied", func() error {
		client := p.as(p.create(api.TokenCreateRequest{Policies: []string{"reader"}, NumUses: 1}))
		if err := given(client.Logical().Read("kv2/data/one")); err != nil {
			return err
		}
		return given(client.Logical().Read("kv2/data/one"))
	})
}

func (p *program) wrapping() {
	client := p.as(p.create(api.TokenCreateRequest{Policies: []string{"reader"}}))
	client.SetWrappingLookupFunc(func(operation, path string) string {
		if path == "kv2/data/one" {
			return "2m"
		}
		return ""
	})
	wrapped := ""
	works("wrapping.wrap", func() error {
		secret, err := client.Logical().Read("kv2/data/one")
		if err != nil {
			return err
		}
		wrapped = secret.WrapInfo.Token
		note(wrapped)
		return expect("TTL, path", []any{secret.WrapInfo.TTL, secret.WrapInfo.CreationPath}, []any{120, "kv2/data/one"})
	})
	works("wrapping.lookup", func() error {
		secret, err := client.Logical().Write("sys/wrapping/lookup", values{"token": wrapped})
		if err != nil {
			return err
		}
		return expect("path, TTL", []any{secret.Data["creation_path"], secret.Data["creation_ttl"]}, []any{"kv2/data/one", 120})
	})
	works("wrapping.rewrap", func() error {
		secret, err := client.Logical().Write("sys/wrapping/rewrap", values{"token": wrapped})
		if err != nil {
			return err
		}
		wrapped = secret.WrapInfo.Token
		note(wrapped)
		return nil
	})
	works("wrapping.unwrap", func() error {
		secret, err := client.Logical().Unwrap(wrapped)
		if err != nil {
			return err
		}
		return expect("data", secret.Data["data"], values{"a": "1", "b": "2"})
	})
	refused("wrapping.unwrap-again", 400, "wrapping token is not valid or does not exist", func() error {
		return given(client.Logical().Unwrap(wrapped))
	})
	works("wrapping.by-token", func() error {
		client := p.as(p.root)
		client.SetWrappingLookupFunc(func(_, path string) string { return map[string]string{"sys/wrapping/wrap": "1m"}[path] })
		secret, err := client.Logical().Write("sys/wrapping/wrap", values{"message": "parcel"})
		if err != nil {
			return err
		}
		note(secret.WrapInfo.Token)
		// Without a token of its own a client asks with the wrapping token itself.
		parcel, err := p.as("").Logical().Unwrap(secret.WrapInfo.Token)
		if err != nil {
			return err
		}
		return expect("message", parcel.Data["message"], "parcel")
	})
	works("cubbyhole", func() error {
		owner, other := p.as(p.create(api.TokenCreateRequest{})), p.as(p.create(api.TokenCreateRequest{}))
		if err := given(owner.Logical().Write("cubbyhole/mine", values{"a": "1"})); err != nil {
			return err
		}
		mine, err := owner.Logical().Read("cubbyhole/mine")
		if err != nil {
			return err
		}
		others, err := other.Logical().Read("cubbyhole/mine")
		if err != nil {
			return err
		}
		return expect("mine, others'", []any{mine.Data["a"], others == nil}, []any{"1", true})
	})
}
