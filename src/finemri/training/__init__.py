"""How learning proceeds: players, games, stages. Knows torch and lightning-fabric, and nothing of MRI."""
