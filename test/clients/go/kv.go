package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/test/clients/go/api"
)

type values = map[string]any

var background = context.Background()

func (p *program) mounts() {
	sys := p.active.Sys()
	works("mounts.enable", func() error {
		err := sys.Mount("kv1", &api.MountInput{Type: "kv", Description: "first", Options: map[string]string{"version": "1"}})
		if err != nil {
			return err
		}
		return sys.Mount("kv2", &api.MountInput{Type: "kv-v2"})
	})
	works("mounts.list", func() error {
		mounts, err := sys.ListMounts()
		if err != nil {
			return err
		}
		return expect("type, description, version", []any{mounts["kv1/"].Type, mounts["kv1/"].Description, mounts["kv2/"].Options["version"]},
			[]any{"kv", "first", "2"})
	})
	refused("mounts.enable-again", 400, "path is already in use at kv1/", func() error {
		return sys.Mount("kv1", &api.MountInput{Type: "kv"})
	})
	refused("mounts.enable-unknown", 400, "no-such-type", func() error {
		return sys.Mount("other", &api.MountInput{Type: "no-such-type"})
	})
	works("mounts.tune", func() error {
		description := "tuned"
		err := sys.TuneMount("kv1", api.MountConfigInput{Description: &description, DefaultLeaseTTL: "1h", MaxLeaseTTL: "2h"})
		if err != nil {
			return err
		}
		config, err := sys.MountConfig("kv1")
		if err != nil {
			return err
		}
		return expect("default, max TTL", []int{config.DefaultLeaseTTL, config.MaxLeaseTTL}, []int{3600, 7200})
	})
	works("mounts.move", func() error {
		if err := sys.Mount("before", &api.MountInput{Type: "kv"}); err != nil {
			return err
		}
		if err := sys.Remount("before", "after"); err != nil {
			return err
		}
		mounts, err := sys.ListMounts()
		if err != nil {
			return err
		}
		return expect("before, after", []bool{mounts["before/"] != nil, mounts["after/"] != nil}, []bool{false, true})
	})
	works("mounts.disable", func() error {
		if err := sys.Unmount("after"); err != nil {
			return err
		}
		mounts, err := sys.ListMounts()
		if err != nil {
			return err
		}
		return expect("after/", mounts["after/"] != nil, false)
	})
}

func (p *program) kv1() {
	kv := p.active.KVv1("kv1")
	works("kv1.put", func() error {
		if err := kv.Put(background, "kept", values{"message": "kept"}); err != nil {
			return err
		}
		return kv.Put(background, "folder/gone", values{"message": "wörld", "number": 9007199254740993})
	})
	works("kv1.get", func() error {
		secret, err := kv.Get(background, "folder/gone")
		if err != nil {
			return err
		}
		return expect("data, when to read again", []any{secret.Data, secret.Raw.LeaseDuration},
			[]any{values{"message": "wörld", "number": "9007199254740993"}, 3600})
	})
	works("kv1.list", func() error {
		secret, err := p.active.Logical().List("kv1")
		if err != nil {
			return err
		}
		return expect("keys", secret.Data["keys"], []string{"folder/", "kept"})
	})
	works("kv1.delete", func() error {
		if err := kv.Delete(background, "folder/gone"); err != nil {
			return err
		}
		secret, err := p.active.Logical().Read("kv1/folder/gone")
		if err != nil {
			return err
		}
		return expect("deleted secret is nil", secret == nil, true)
	})
}

func (p *program) kv2() {
	kv := p.active.KVv2("kv2")
	works("kv2.put", func() error {
		secret, err := kv.Put(background, "one", values{"a": "1", "b": "2"})
		if err != nil {
			return err
		}
		return expect("version", secret.VersionMetadata.Version, 1)
	})
	works("kv2.get", func() error {
		secret, err := kv.Get(background, "one")
		if err != nil {
			return err
		}
		return expect("data", secret.Data, values{"a": "1", "b": "2"})
	})
	works("kv2.cas", func() error {
		secret, err := kv.Put(background, "one", values{"a": "2", "b": "2"}, api.WithCheckAndSet(1))
		if err != nil {
			return err
		}
		return expect("version", secret.VersionMetadata.Version, 2)
	})
	refused("kv2.cas-mismatch", 400, "check-and-set parameter did not match the current version", func() error {
		return given(kv.Put(background, "one", values{"a": "3"}, api.WithCheckAndSet(1)))
	})
	works("kv2.get-version", func() error {
		secret, err := kv.GetVersion(background, "one", 1)
		if err != nil {
			return err
		}
		return expect("data, version", []any{secret.Data["a"], secret.VersionMetadata.Version}, []any{"1", 1})
	})
	works("kv2.patch", func() error {
		if err := given(kv.Patch(background, "one", values{"b": nil, "c": "3"})); err != nil {
			return err
		}
		secret, err := kv.Get(background, "one")
		if err != nil {
			return err
		}
		return expect("data", secret.Data, values{"a": "2", "c": "3"})
	})
	works("kv2.rollback", func() error {
		secret, err := kv.Rollback(background, "one", 1)
		if err != nil {
			return err
		}
		return expect("version", secret.VersionMetadata.Version, 4)
	})
	p.kv2Ends()
	p.kv2Metadata()
}

// kv2Ends is about versions that go, and may come back. There are four of "one" by now.
func (p *program) kv2Ends() {
	kv := p.active.KVv2("kv2")
	works("kv2.delete", func() error {
		if err := kv.Delete(background, "one"); err != nil {
			return err
		}
		return kv.DeleteVersions(background, "one", []int{1})
	})
	works("kv2.get-deleted", func() error {
		secret, err := kv.Get(background, "one")
		if err != nil {
			return err
		}
		return expect("data is there, deleted", []bool{secret.Data != nil, !secret.VersionMetadata.DeletionTime.IsZero()}, []bool{false, true})
	})
	works("kv2.undelete", func() error {
		if err := kv.Undelete(background, "one", []int{1, 4}); err != nil {
			return err
		}
		return given(kv.Get(background, "one"))
	})
	works("kv2.destroy", func() error {
		if err := kv.Destroy(background, "one", []int{2}); err != nil {
			return err
		}
		metadata, err := kv.GetMetadata(background, "one")
		if err != nil {
			return err
		}
		return expect("destroyed", []bool{metadata.Versions["1"].Destroyed, metadata.Versions["2"].Destroyed}, []bool{false, true})
	})
	works("kv2.get-missing", func() error {
		_, err := kv.Get(background, "never")
		if !errors.Is(err, api.ErrSecretNotFound) {
			return fmt.Errorf("not ErrSecretNotFound but %w", err)
		}
		return nil
	})
}

func (p *program) kv2Metadata() {
	kv := p.active.KVv2("kv2")
	logical := p.active.Logical()
	works("kv2.metadata", func() error {
		err := kv.PutMetadata(background, "one", api.KVMetadataPutInput{MaxVersions: 7, CustomMetadata: values{"owner": "me"}})
		if err != nil {
			return err
		}
		metadata, err := kv.GetMetadata(background, "one")
		if err != nil {
			return err
		}
		return expect("current, max, owner", []any{metadata.CurrentVersion, metadata.MaxVersions, metadata.CustomMetadata["owner"]},
			[]any{4, 7, "me"})
	})
	works("kv2.subkeys", func() error {
		secret, err := logical.Read("kv2/subkeys/one")
		if err != nil {
			return err
		}
		return expect("subkeys", secret.Data["subkeys"], values{"a": nil, "b": nil})
	})
	works("kv2.list", func() error {
		if err := given(kv.Put(background, "folder/two", values{"a": "1"})); err != nil {
			return err
		}
		secret, err := logical.List("kv2/metadata")
		if err != nil {
			return err
		}
		return expect("keys", secret.Data["keys"], []string{"folder/", "one"})
	})
	works("kv2.list-missing", func() error {
		secret, err := logical.List("kv2/metadata/never")
		if err != nil {
			return err
		}
		return expect("list is nil", secret == nil, true)
	})
	works("kv2.config", func() error {
		if err := given(logical.Write("kv2/config", values{"max_versions": 5})); err != nil {
			return err
		}
		secret, err := logical.Read("kv2/config")
		if err != nil {
			return err
		}
		return expect("max_versions", secret.Data["max_versions"], 5)
	})
	works("kv2.delete-metadata", func() error {
		if err := kv.DeleteMetadata(background, "folder/two"); err != nil {
			return err
		}
		secret, err := logical.List("kv2/metadata/folder")
		if err != nil {
			return err
		}
		return expect("list is nil", secret == nil, true)
	})
	works("kv2.wrong-path", func() error {
		// Refused with 404, and the words come as a warning beside it.
		secret, err := logical.Write("kv2/one", values{"a": "1"})
		if err == nil {
			return errors.New("it was not refused")
		}
		if secret == nil || !strings.Contains(strings.Join(secret.Warnings, "; "), "Invalid path for a versioned K/V secrets engine") {
			return err
		}
		return nil
	})
}
