"""Whether a window's statements are as the reference's were: the same mix, column by column, tenant by tenant."""
