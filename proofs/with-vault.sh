#!/bin/sh
# Makes a vault by az, gives the signed-in account a role, and runs the given client on it.
set -eu

az group create --name proof --location eastus --output none
vault=$(az keyvault create --name proof-vault --resource-group proof --location eastus --query id --output tsv)
az role assignment create --role "Key Vault Administrator" --assignee "$AZURE_CLIENT_ID" --scope "$vault" --output none
exec "$@" "$(az keyvault show --name proof-vault --query properties.vaultUri --output tsv)"
