"""What all commands share: how one is declared, what it prints, and how it ends. Commands are the modules beside."""
