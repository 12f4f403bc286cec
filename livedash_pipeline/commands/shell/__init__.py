"""The common part of all commands: their declaration, output and end. The modules beside this folder are the commands."""
