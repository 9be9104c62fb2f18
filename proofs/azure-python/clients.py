"""The official Python clients: nothing but the environment tells them where Azure is.

Prints one line for each thing that held.
"""

import sys

from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm
from azure.keyvault.secrets import SecretClient


def main(vault: str) -> None:
    credential = DefaultAzureCredential()
    secrets = SecretClient(vault, credential)
    secrets.set_secret("from-python", "a value")
    assert secrets.get_secret("from-python").value == "a value"
    assert "from-python" in [item.name for item in secrets.list_properties_of_secrets()]
    secrets.begin_delete_secret("from-python").wait()
    secrets.begin_recover_deleted_secret("from-python").wait()
    print("azure-keyvault-secrets: set, get, list, delete, recover")

    keys = KeyClient(vault, credential)
    first = keys.create_rsa_key("from-python", size=2048)
    plain = bytes(range(32))
    wrapped = CryptographyClient(first, credential).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, plain)
    second = keys.rotate_key("from-python")
    assert first.id != second.id
    opened = CryptographyClient(first, credential).unwrap_key(
        KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key
    )
    assert opened.key == plain
    try:
        CryptographyClient(second, credential).unwrap_key(
            KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key
        )
        raise AssertionError("the other version unwrapped it")
    except HttpResponseError as error:
        assert error.status_code == 400
    print("azure-keyvault-keys: create, wrap, rotate, unwrap by the version that wrapped")


main(sys.argv[1])
